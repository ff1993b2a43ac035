import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openCheckpoint } from "@denoise-rotator/checkpoint";
import { modelDirectory } from "@denoise-rotator/tiny-llama";

/** How GGUF calls tensors, by parts of Hugging Face's names. */
const names: readonly [string, string][] = [
  ["model.embed_tokens", "token_embd"],
  ["model.norm", "output_norm"],
  ["model.layers", "blk"],
  ["input_layernorm", "attn_norm"],
  ["post_attention_layernorm", "ffn_norm"],
  ["self_attn.o_proj", "attn_output"],
  ["self_attn.", "attn_"],
  ["mlp.", "ffn_"],
  ["_proj.", "."],
];

const bf16 = 30;
const alignment = 32;

const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
const u64 = (value: number) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
const f32 = (value: number) => Buffer.from(Float32Array.of(value).buffer);
const text = (value: string) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);

/** A key of the metadata with its value: a string, an integer, another number, or a list of strings or integers. */
function entry(key: string, value: string | number | readonly string[] | readonly number[]): Buffer {
  const one = (item: string | number): [number, Buffer] => {
    if (typeof item === "string") return [8, text(item)];
    return Number.isInteger(item) ? [4, u32(item)] : [6, f32(item)];
  };
  if (!Array.isArray(value)) {
    const [type, bytes] = one(value as string | number);
    return Buffer.concat([text(key), u32(type), bytes]);
  }
  const items = (value as readonly (string | number)[]).map(one);
  return Buffer.concat([
    text(key),
    u32(9),
    u32(items[0]![0]),
    u64(items.length),
    ...items.map(([, bytes]) => bytes),
  ]);
}

/** The embedded model as a GGUF file in bf16, with GPT-2's way to cut texts. */
export async function embeddedModelAsGguf(): Promise<Buffer> {
  await using checkpoint = await openCheckpoint(modelDirectory);
  const config = checkpoint.config as Record<string, number>;
  const tokenizer = JSON.parse(readFileSync(join(modelDirectory, "tokenizer.json"), "utf8"));
  const tokens = Object.entries<number>(tokenizer.model.vocab).sort(([, a], [, b]) => a - b);
  const metadata = [
    entry("general.architecture", "llama"),
    entry("llama.context_length", config.max_position_embeddings!),
    entry("llama.embedding_length", config.hidden_size!),
    entry("llama.block_count", config.num_hidden_layers!),
    entry("llama.feed_forward_length", config.intermediate_size!),
    entry("llama.attention.head_count", config.num_attention_heads!),
    entry("llama.attention.head_count_kv", config.num_key_value_heads!),
    entry("llama.attention.layer_norm_rms_epsilon", config.rms_norm_eps!),
    entry("tokenizer.ggml.model", "gpt2"),
    entry("tokenizer.ggml.pre", "gpt-2"),
    entry(
      "tokenizer.ggml.tokens",
      tokens.map(([token]) => token),
    ),
    entry(
      "tokenizer.ggml.token_type",
      tokens.map((_, id) => (id === 0 ? 3 : 1)),
    ),
    entry(
      "tokenizer.ggml.merges",
      tokenizer.model.merges.map((pair: string[]) => pair.join(" ")),
    ),
    entry("tokenizer.ggml.bos_token_id", 0),
    entry("tokenizer.ggml.eos_token_id", 0),
  ];
  const infos: Buffer[] = [];
  const data: Buffer[] = [];
  let offset = 0;
  for (const name of checkpoint.names) {
    const { bytes, shape } = await checkpoint.read(name);
    const stored = /[qk]_proj/.test(name) ? pairRows(bytes, shape[1]! * 2, config.head_dim!) : bytes;
    const called = names.reduce((called, [from, to]) => called.replace(from, to), name);
    infos.push(text(called), u32(shape.length), ...[...shape].reverse().map(u64), u32(bf16), u64(offset));
    data.push(padded(Buffer.from(stored)));
    offset += data.at(-1)!.length;
  }
  const head = [Buffer.from("GGUF"), u32(3), u64(checkpoint.names.length), u64(metadata.length)];
  return Buffer.concat([padded(Buffer.concat([...head, ...metadata, ...infos])), ...data]);
}

const padded = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(-bytes.length & (alignment - 1))]);

/** Rows i and i + headDim/2 of each head become neighbours, as llama.cpp's conversion has them. */
function pairRows(bytes: Uint8Array, rowBytes: number, headDim: number): Uint8Array {
  const out = new Uint8Array(bytes.length);
  const half = headDim / 2;
  for (let row = 0; row * rowBytes < bytes.length; row++) {
    const inHead = row % headDim;
    const to = row - inHead + (inHead < half ? 2 * inHead : 2 * (inHead - half) + 1);
    out.set(bytes.subarray(row * rowBytes, (row + 1) * rowBytes), to * rowBytes);
  }
  return out;
}
