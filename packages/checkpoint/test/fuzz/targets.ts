import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type ByteSource, HubError, memorySource } from "@denoise-rotator/hub";
import fc from "fast-check";
import {
  openCheckpoint,
  openGguf,
  openSafetensors,
  openTokenizer,
  parseDecoderConfig,
} from "../../src/index.js";
import { ggufFile, tinyGguf } from "../gguf-file.js";
import { packedConfigJson, packedDataBytes, packedFile, packedHeader } from "../packed-file.js";
import { rawFile } from "../support.js";
import { mutated, mutatedJson } from "./mutations.js";
import { structuredGguf } from "./structured-gguf.js";

/** A kind of file from a stranger. */
export interface FuzzTarget {
  readonly name: string;
  readonly files: fc.Arbitrary<Uint8Array>;
  /** Opens the file through `wrap`ped sources and uses all that can be used of it. */
  readonly use: (bytes: Uint8Array, wrap: (source: ByteSource) => ByteSource) => Promise<void>;
}

const encode = (json: unknown) => new TextEncoder().encode(JSON.stringify(json));
const golden = (path: string) =>
  new Uint8Array(readFileSync(fileURLToPath(new URL(`../../../../goldens/${path}`, import.meta.url))));

const weights = rawFile(
  {
    __metadata__: { format: "pt" },
    "model.embed_tokens.weight": { dtype: "BF16", shape: [4, 2], data_offsets: [0, 16] },
    "model.norm.weight": { dtype: "F32", shape: [2], data_offsets: [16, 24] },
    ids: { dtype: "I64", shape: [1], data_offsets: [24, 32] },
  },
  32,
);
const config = {
  ...{ model_type: "llama", hidden_size: 32, intermediate_size: 40, num_hidden_layers: 2, vocab_size: 48 },
  ...{
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 8,
    max_position_embeddings: 64,
    rope_theta: 500,
  },
  rope_scaling: {
    ...{ rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 },
    original_max_position_embeddings: 32,
  },
  ...{
    rms_norm_eps: 1e-5,
    tie_word_embeddings: false,
    bos_token_id: 1,
    eos_token_id: [2, 3],
    torch_dtype: "float32",
  },
};
const index = {
  metadata: { total_size: 24 },
  weight_map: {
    "model.embed_tokens.weight": "model-1.safetensors",
    "model.norm.weight": "model-1.safetensors",
  },
};
const bpe = {
  added_tokens: [{ id: 0, content: "<s>", special: true, normalized: false, single_word: false }],
  normalizer: { type: "NFC" },
  pre_tokenizer: {
    type: "Sequence",
    pretokenizers: [
      { type: "Split", pattern: { Regex: " ?[a-z]+|\\s+" }, behavior: "Isolated", invert: false },
      { type: "ByteLevel", add_prefix_space: false, use_regex: false },
    ],
  },
  post_processor: {
    type: "TemplateProcessing",
    single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
    pair: [],
    special_tokens: { "<s>": { id: "<s>", ids: [0], tokens: ["<s>"] } },
  },
  decoder: { type: "ByteLevel" },
  model: {
    ...{ type: "BPE", unk_token: null, fuse_unk: false, byte_fallback: false, ignore_merges: false },
    vocab: { "<s>": 0, a: 1, b: 2, c: 3, Ġ: 4, ab: 5, Ġa: 6 },
    merges: [
      ["a", "b"],
      ["Ġ", "a"],
    ],
  },
};
const spm = {
  added_tokens: [{ id: 0, content: "<unk>", special: true }],
  normalizer: {
    type: "Sequence",
    normalizers: [
      { type: "Prepend", prepend: "▁" },
      { type: "Replace", pattern: { String: " " }, content: "▁" },
    ],
  },
  decoder: {
    type: "Sequence",
    decoders: [
      { type: "Replace", pattern: { String: "▁" }, content: " " },
      { type: "ByteFallback" },
      { type: "Fuse" },
    ],
  },
  model: {
    ...{ type: "BPE", unk_token: "<unk>", fuse_unk: true, byte_fallback: true },
    ...{ vocab: { "<unk>": 0, "▁": 1, a: 2, b: 3, "▁a": 4 }, merges: ["▁ a"] },
  },
};

/** Files by path; any other is not there. */
const folder =
  (files: Readonly<Record<string, Uint8Array>>, wrap: (source: ByteSource) => ByteSource) =>
  async (path: string): Promise<ByteSource> => {
    const bytes = files[path];
    if (bytes) return wrap(memorySource(bytes, path));
    throw new HubError("NOT_FOUND", `${path}: no such file`);
  };

async function useWeights(
  file: { readFloat32: typeof readsNothing },
  names: Iterable<string>,
): Promise<void> {
  for (const name of names) await file.readFloat32(name, { allowNonFinite: true });
}
declare function readsNothing(name: string, options: { allowNonFinite: boolean }): Promise<Float32Array>;

const bothOf = (json: object) => fc.oneof(mutatedJson(json), mutated([encode(json)]));

export const fuzzTargets: readonly FuzzTarget[] = [
  {
    name: "safetensors",
    files: mutated([weights]),
    async use(bytes, wrap) {
      const file = await openSafetensors(wrap(memorySource(bytes, "m/x.safetensors")));
      await useWeights(file, file.tensors.keys());
    },
  },
  {
    name: "packed weights",
    files: fc.oneof(
      mutated([packedFile(), packedFile(packedHeader(2), packedDataBytes(2))]),
      ...([1, 2] as const).map((rows) =>
        mutatedJson(packedHeader(rows)).map((json) =>
          packedFile(new TextDecoder().decode(json), packedDataBytes(rows)),
        ),
      ),
      mutatedJson({ version: 2, tensors: { "q.weight": "2:4/2", "p.weight": "1:16" } }).map((json) => {
        const denoise_rotator_packed = new TextDecoder().decode(json);
        return packedFile(
          { ...packedHeader(2), __metadata__: { denoise_rotator_packed } },
          packedDataBytes(2),
        );
      }),
    ),
    async use(bytes, wrap) {
      const files = { "m/config.json": encode(packedConfigJson), "m/model.safetensors": bytes };
      const checkpoint = await openCheckpoint("m", { openSource: folder(files, wrap) });
      await useWeights(checkpoint, checkpoint.names);
      for (const name of checkpoint.names) {
        if (checkpoint.packing?.(name)) await checkpoint.readPacked?.(name, 0, checkpoint.shape(name)[0]!);
      }
    },
  },
  {
    name: "packed configuration",
    files: bothOf(packedConfigJson),
    async use(bytes, wrap) {
      const files = { "m/config.json": bytes, "m/model.safetensors": packedFile() };
      const checkpoint = await openCheckpoint("m", { openSource: folder(files, wrap) });
      await useWeights(checkpoint, checkpoint.names);
    },
  },
  {
    name: "index",
    files: bothOf(index),
    async use(bytes, wrap) {
      const files = {
        "m/config.json": encode(config),
        "m/model.safetensors.index.json": bytes,
        "m/model-1.safetensors": weights,
      };
      const checkpoint = await openCheckpoint("m", { openSource: folder(files, wrap) });
      await useWeights(checkpoint, checkpoint.names);
    },
  },
  {
    name: "config",
    files: bothOf(config),
    async use(bytes, wrap) {
      const files = { "m/config.json": bytes, "m/model.safetensors": weights };
      const checkpoint = await openCheckpoint("m", { openSource: folder(files, wrap) });
      parseDecoderConfig(checkpoint.config, [{ modelType: "llama" }], checkpoint.configFile);
    },
  },
  {
    name: "tokenizer",
    files: fc.oneof(bothOf(bpe), bothOf(spm)),
    async use(bytes, wrap) {
      const tokenizer = await openTokenizer("m", folder({ "m/tokenizer.json": bytes }, wrap));
      const ids = tokenizer.encode("ab abc <s> x", { addSpecialTokens: true });
      tokenizer.decode(ids);
      tokenizer.decode(ids, { skipSpecialTokens: true });
    },
  },
  {
    name: "gguf",
    files: fc.oneof(
      mutated([ggufFile(tinyGguf()), golden("gguf/qwen3.gguf"), golden("gguf/llama-llama3.gguf")]),
      structuredGguf,
    ),
    async use(bytes, wrap) {
      const file = await openGguf(wrap(memorySource(bytes, "m/x.gguf")));
      parseDecoderConfig(
        file.config,
        ["llama", "qwen2", "qwen3", "mistral"].map((modelType) => ({ modelType })),
        file.configFile,
      );
      await useWeights(file, file.names);
      for await (const { bytes: companion } of file.companions())
        JSON.parse(new TextDecoder().decode(companion));
      const tokenizer = await file.openTokenizer();
      tokenizer.decode(tokenizer.encode("ab a1 <s>", { addSpecialTokens: true }));
    },
  },
];
