import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { memorySource } from "@denoise-rotator/hub";
import { describe, expect, it } from "vitest";
import { limits, openCheckpoint, openGguf } from "../src/index.js";
import { type GgufFileTensor, type GgufValue, ggufFile, tinyGguf } from "./gguf-file.js";
import { countingSource, temporaryFolder } from "./support.js";

const open = (bytes: Uint8Array) => openGguf(memorySource(bytes, "x.gguf"));
const tiny = (metadata: Record<string, GgufValue | undefined> = {}) => ggufFile(tinyGguf({ metadata }));
const withTensor = (name: string, change: Partial<GgufFileTensor>) => {
  const file = tinyGguf();
  const tensors = file.tensors!.map((tensor) => (tensor.name === name ? { ...tensor, ...change } : tensor));
  return ggufFile({ ...file, tensors });
};

describe("openGguf", () => {
  it("should give a checkpoint with Hugging Face's names, configuration and tokenizer", async () => {
    const model = await open(tiny());
    expect(model.names).toContain("model.layers.0.self_attn.q_proj.weight");
    expect(model.config).toMatchObject({
      ...{ model_type: "llama", hidden_size: 8, head_dim: 4, num_key_value_heads: 1, vocab_size: 12 },
      ...{ tie_word_embeddings: true, rms_norm_eps: 1e-5, rope_theta: 10_000, bos_token_id: 0 },
    });
    const tokenizer = await model.openTokenizer();
    expect([...tokenizer.encode("ab a1")]).toEqual([7, 8, 5]);
  });

  it("should put the rows of Q and K into Hugging Face's order, also where only some are read", async () => {
    const model = await open(tiny());
    const name = "model.layers.0.self_attn.q_proj.weight";
    const all = await model.readFloat32(name);
    // Of a head of four, rows 0, 2 | 1, 3 of the file.
    expect(Array.from({ length: 8 }, (_, row) => (all[row * 8]! - 1) / 8)).toEqual([0, 2, 1, 3, 4, 6, 5, 7]);
    for (let begin = 0; begin <= 8; begin++) {
      for (let end = begin; end <= 8; end++) {
        expect(await model.readRows(name, begin, end)).toEqual(all.slice(begin * 8, end * 8));
      }
    }
    const { bytes } = await model.read(name);
    expect(new Float32Array(bytes.buffer)).toEqual(all);
    await expect(model.readRows(name, 3, 9)).rejects.toMatchObject({ code: "WRONG_SHAPE" });
  });

  it("should read the header once and then only the bytes of what is asked for", async () => {
    const bytes = new Uint8Array(4_000_000);
    bytes.set(tiny());
    const source = countingSource(bytes, "x.gguf");
    const model = await openGguf(source);
    expect(source.reads).toEqual([[0, 2 ** 20]]);
    await model.readRows("model.embed_tokens.weight", 3, 5);
    expect(source.reads.slice(1).map(([, length]) => length)).toEqual([64]);
  });

  it("should write the tokenizer's files for a copy of the model", async () => {
    const model = await open(tiny());
    const files = new Map<string, string>();
    for await (const { name, bytes } of model.companions()) files.set(name, new TextDecoder().decode(bytes));
    expect([...files.keys()]).toEqual(["tokenizer.json", "tokenizer_config.json"]);
    expect(JSON.parse(files.get("tokenizer_config.json")!)).toMatchObject({ bos_token: "<s>" });
    const none = await open(tiny({ "tokenizer.ggml.model": undefined }));
    for await (const file of none.companions()) expect(file).toBeUndefined();
    await expect(none.openTokenizer()).rejects.toMatchObject({ code: "TOKENIZER" });
  });

  it("should keep the last string of an array that ends where the library's window does", async () => {
    // Its window ends at byte 2 000 000, in the last token.
    for (const characters of [20, 60_000, 399_999]) {
      const long = Array.from({ length: 5 }, () => "x".repeat(390_000));
      const last = "z".repeat(characters);
      const before = 2_000_000 - 5 * 390_000 - characters / 2;
      const tokens = [...long, "y".repeat(Math.min(390_000, Math.max(1, Math.floor(before) - 150))), last];
      const file = tinyGguf({ metadata: { "tokenizer.ggml.tokens": undefined } });
      const metadata = [["tokenizer.ggml.tokens", tokens] as const, ...file.metadata!];
      const model = await open(ggufFile({ ...file, metadata }));
      const read = model.metadata.get("tokenizer.ggml.tokens") as string[];
      expect(read.map((token) => token.length)).toEqual(tokens.map((token) => token.length));
      expect(read.at(-1)).toBe(tokens.at(-1));
    }
  });

  it("should be opened by its ending, and name a file that is none", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "model.gguf");
    await writeFile(path, tiny());
    await using model = await openCheckpoint(path);
    expect(model.path).toBe(path);
    await writeFile(join(folder, "other.gguf"), "GGUX");
    await expect(openCheckpoint(join(folder, "other.gguf"))).rejects.toThrow(
      /other\.gguf: is not a GGUF file/,
    );
    await expect(openCheckpoint(join(folder, "none.gguf"))).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it.each<[string, Uint8Array, string, string]>([
    [
      "no bytes",
      new Uint8Array(3),
      "MALFORMED",
      "the format's mark at byte 0 would end at byte 4, the file has 3",
    ],
    ["version 1", ggufFile({ version: 1 }), "MALFORMED", "GGUF of version 1, supported: 2 and 3"],
    ["big-endian", ggufFile({ version: 3 << 24 }), "MALFORMED", "big-endian"],
    [
      "many tensors",
      ggufFile({ counts: { tensors: 2n ** 64n - 1n } }),
      "LIMIT",
      "18446744073709551615, the limit is 1000000",
    ],
    ["many keys", ggufFile({ counts: { keys: 2 ** 40 } }), "LIMIT", `the limit is ${limits.ggufKeys}`],
    ["fewer keys than said", ggufFile({ counts: { keys: 5 } }), "MALFORMED", "is it truncated?"],
    [
      "a key twice",
      ggufFile({
        metadata: [
          ["a", 1],
          ["a", 2],
        ],
      }),
      "MALFORMED",
      'has the key "a" twice',
    ],
    ["a prototype", ggufFile({ metadata: [["__proto__", ["a"]]] }), "MALFORMED", '"__proto__"'],
    ["a long string", tiny({ note: "x".repeat(400_001) }), "LIMIT", 'a string in the value of "note"'],
    ["an odd alignment", tiny({ "general.alignment": 24 }), "MALFORMED", "general.alignment is 24"],
    ["another architecture", tiny({ "general.architecture": "gemma" }), "UNSUPPORTED_MODEL", 'is "gemma"'],
    [
      "no architecture",
      tiny({ "general.architecture": undefined }),
      "CONFIG",
      "general.architecture is missing",
    ],
    ["heads per block", tiny({ "llama.attention.head_count": [2, 2] }), "CONFIG", "head_count is [2,2]"],
    [
      "a part of a file",
      tiny({ "split.count": 3 }),
      "UNSUPPORTED_MODEL",
      "split.count is 3: merge the parts",
    ],
    ["experts", tiny({ "llama.expert_count": 8 }), "UNSUPPORTED_MODEL", "mixtures of experts"],
    [
      "partial rotation",
      tiny({ "llama.rope.dimension_count": 2 }),
      "UNSUPPORTED_MODEL",
      "dimension_count is 2",
    ],
    ["another scaling", tiny({ "llama.rope.scaling.type": "longrope" }), "UNSUPPORTED_MODEL", '"longrope"'],
    ["an unknown type", withTensor("blk.0.ffn_up.weight", { type: 16 }), "WRONG_DTYPE", "stored as type 16"],
    [
      "an unknown tensor",
      withTensor("blk.0.ffn_up.weight", { name: "blk.0.ffn_up_exps.weight" }),
      "UNSUPPORTED_MODEL",
      "ffn_up_exps",
    ],
    [
      "a tensor twice",
      withTensor("blk.0.ffn_up.weight", { name: "output_norm.weight" }),
      "DUPLICATE_TENSOR",
      "output_norm.weight",
    ],
    [
      "five axes",
      withTensor("output_norm.weight", { sizes: [1, 1, 1, 1, 8] }),
      "LIMIT",
      "5 axes, the limit is 4",
    ],
    [
      "a huge axis",
      withTensor("output_norm.weight", { sizes: [2n ** 63n] }),
      "LIMIT",
      `the limit is ${limits.ggufDimension}`,
    ],
    [
      "axes that overflow",
      withTensor("output_norm.weight", { sizes: [2 ** 32, 2 ** 32] }),
      "MALFORMED",
      "cannot be counted",
    ],
    [
      "an empty axis",
      withTensor("output_norm.weight", { sizes: [0] }),
      "MALFORMED",
      "[0], which holds nothing",
    ],
    ["no axis", withTensor("output_norm.weight", { sizes: [] }), "MALFORMED", "which holds nothing"],
    ["half a block", withTensor("blk.0.ffn_up.weight", { type: 8 }), "MALFORMED", "no whole blocks of 32"],
    [
      "a tensor beyond the end",
      withTensor("output_norm.weight", { sizes: [8, 99] }),
      "MALFORMED",
      "it is truncated",
    ],
    [
      "an offset beyond any file",
      withTensor("output_norm.weight", { offset: 2n ** 64n - 32n }),
      "MALFORMED",
      "beyond any file",
    ],
    [
      "an overlap",
      withTensor("output_norm.weight", { offset: 32 }),
      "MALFORMED",
      'overlaps "token_embd.weight"',
    ],
    [
      "Q in parts of heads",
      withTensor("blk.0.attn_k.weight", { sizes: [8, 3] }),
      "WRONG_SHAPE",
      "no whole heads of 4",
    ],
  ])("should refuse %s, naming file and place", async (_, bytes, code, message) => {
    await expect(open(bytes)).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
    await expect(open(bytes)).rejects.toThrow(/^x\.gguf: /);
  });

  it("should name NaN in weights, unless told to let it pass", async () => {
    const data = new Uint8Array(new Float32Array(8).fill(1).buffer);
    data.set([0, 0, 0xc0, 0x7f], 12);
    const model = await open(withTensor("output_norm.weight", { data }));
    await expect(model.readFloat32("model.norm.weight")).rejects.toMatchObject({
      code: "NON_FINITE",
      message: 'x.gguf: tensor "model.norm.weight" holds NaN at index 3; its weights must be finite',
    });
    expect((await model.readFloat32("model.norm.weight", { allowNonFinite: true }))[3]).toBeNaN();
  });
});
