/** Numbers of the format for the types of metadata that the tests write. */
export const valueTypes = { u32: 4, f32: 6, bool: 7, string: 8, array: 9, u64: 10 } as const;

export type GgufValue = number | boolean | string | bigint | readonly string[] | readonly number[];

export interface GgufFileTensor {
  readonly name: string;
  /** Fastest axis first, as in the file. */
  readonly sizes: readonly (number | bigint)[];
  /** The format's number; default 0, f32. */
  readonly type?: number;
  readonly data?: Uint8Array;
  /** Written instead of where the data lie. */
  readonly offset?: number | bigint;
}

export interface GgufFileOptions {
  readonly version?: number;
  readonly metadata?: readonly (readonly [string, GgufValue])[];
  readonly tensors?: readonly GgufFileTensor[];
  readonly alignment?: number;
  /** Written instead of the counts. */
  readonly counts?: { readonly tensors?: number | bigint; readonly keys?: number | bigint };
}

/** The bytes of a GGUF file, also of one that lies. */
export function ggufFile(options: GgufFileOptions = {}): Uint8Array {
  const { version = 3, metadata = [], tensors = [], alignment = 32, counts = {} } = options;
  const out = new ByteWriter();
  out.text("GGUF").u32(version);
  out.u64(counts.tensors ?? tensors.length).u64(counts.keys ?? metadata.length);
  for (const [key, value] of metadata) out.string(key).value(value);
  const offsets: number[] = [];
  let end = 0;
  for (const { data = new Uint8Array(0) } of tensors) {
    offsets.push(end);
    end = alignedUp(end + data.length, alignment);
  }
  tensors.forEach(({ name, sizes, type = 0, offset }, i) => {
    out.string(name).u32(sizes.length);
    for (const size of sizes) out.u64(size);
    out.u32(type).u64(offset ?? offsets[i]!);
  });
  for (const { data = new Uint8Array(0) } of tensors) out.align(alignment).raw(data);
  return out.bytes();
}

const alignedUp = (offset: number, alignment: number) => Math.ceil(offset / alignment) * alignment;

/** Little-endian values one after another. */
class ByteWriter {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  u32(value: number): this {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  u64(value: number | bigint): this {
    const at = this.#grow(8);
    this.#view.setBigUint64(at, BigInt(value), true);
    return this;
  }

  text(text: string): this {
    return this.raw(new TextEncoder().encode(text));
  }

  string(text: string): this {
    const bytes = new TextEncoder().encode(text);
    return this.u64(bytes.length).raw(bytes);
  }

  raw(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  align(alignment: number): this {
    this.#grow(alignedUp(this.#length, alignment) - this.#length);
    return this;
  }

  value(value: GgufValue): this {
    if (typeof value === "string") return this.u32(valueTypes.string).string(value);
    if (typeof value === "bigint") return this.u32(valueTypes.u64).u64(value);
    if (typeof value === "boolean") return this.u32(valueTypes.bool).raw(Uint8Array.of(Number(value)));
    if (typeof value === "number") return this.u32(numberType(value)).#number(value);
    this.u32(valueTypes.array);
    const [first = 0] = value;
    if (typeof first === "string") {
      this.u32(valueTypes.string).u64(value.length);
      for (const text of value as readonly string[]) this.string(text);
    } else {
      this.u32(numberType(first)).u64(value.length);
      for (const number of value as readonly number[]) this.#number(number, numberType(first));
    }
    return this;
  }

  #number(value: number, type = numberType(value)): this {
    const at = this.#grow(4);
    if (type === valueTypes.u32) this.#view.setUint32(at, value, true);
    else this.#view.setFloat32(at, value, true);
    return this;
  }

  /** Makes room for `count` more bytes and gives where they start. */
  #grow(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const bytes = new Uint8Array(2 * this.#length);
      bytes.set(this.#bytes);
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer);
    }
    return at;
  }
}

const numberType = (value: number) =>
  Number.isInteger(value) && value >= 0 && value < 2 ** 32 ? valueTypes.u32 : valueTypes.f32;

/** A tiny Llama with a tokenizer: one block, hidden 8, 2 heads, vocabulary 12. */
export function tinyGguf(
  changes: { metadata?: Record<string, GgufValue | undefined> } = {},
): GgufFileOptions {
  const [hidden, heads, vocabulary, inner] = [8, 2, 12, 16];
  const vector = (name: string) => ({ name, sizes: [hidden], data: floats(hidden) });
  const matrix = (name: string, out: number, inputs: number) => ({
    ...{ name, sizes: [inputs, out], data: floats(out * inputs) },
  });
  const metadata: Record<string, GgufValue | undefined> = {
    "general.architecture": "llama",
    "llama.context_length": 32,
    "llama.embedding_length": hidden,
    "llama.block_count": 1,
    "llama.feed_forward_length": inner,
    "llama.attention.head_count": heads,
    "llama.attention.head_count_kv": 1,
    "llama.attention.layer_norm_rms_epsilon": 1e-5,
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "gpt-2",
    "tokenizer.ggml.tokens": ["<s>", "</s>", "a", "b", "c", "1", "Ġ", "ab", "Ġa", "x", "y", "z"],
    "tokenizer.ggml.token_type": [3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
    "tokenizer.ggml.merges": ["a b", "Ġ a"],
    "tokenizer.ggml.bos_token_id": 0,
    ...changes.metadata,
  };
  return {
    metadata: Object.entries(metadata).filter(
      (entry): entry is [string, GgufValue] => entry[1] !== undefined,
    ),
    tensors: [
      matrix("token_embd.weight", vocabulary, hidden),
      vector("blk.0.attn_norm.weight"),
      matrix("blk.0.attn_q.weight", hidden, hidden),
      matrix("blk.0.attn_k.weight", 4, hidden),
      matrix("blk.0.attn_v.weight", 4, hidden),
      matrix("blk.0.attn_output.weight", hidden, hidden),
      vector("blk.0.ffn_norm.weight"),
      matrix("blk.0.ffn_gate.weight", inner, hidden),
      matrix("blk.0.ffn_up.weight", inner, hidden),
      matrix("blk.0.ffn_down.weight", hidden, inner),
      vector("output_norm.weight"),
    ],
  };
}

/** Bytes of n values that tell their place. */
const floats = (n: number) => new Uint8Array(Float32Array.from({ length: n }, (_, i) => i + 1).buffer);
