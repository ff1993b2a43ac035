import { didYouMean } from "../suggest.js";
import { MetadataFields } from "./metadata-fields.js";
import type { GgufHeader, GgufTensor } from "./read-header.js";
import { llama3Scaling } from "./rope-scaling.js";

/** How an architecture of GGUF is called in `config.json`. */
interface Architecture {
  readonly modelType: string;
  readonly className: string;
}

const architectures: ReadonlyMap<string, Architecture> = new Map([
  ["llama", { modelType: "llama", className: "LlamaForCausalLM" }],
  ["qwen2", { modelType: "qwen2", className: "Qwen2ForCausalLM" }],
  ["qwen3", { modelType: "qwen3", className: "Qwen3ForCausalLM" }],
]);

/** GGUF has no architecture of its own for it: llama with a sliding window. */
const mistral: Architecture = { modelType: "mistral", className: "MistralForCausalLM" };

/** The file's `general.architecture`. */
function architectureOf(fields: MetadataFields): string {
  const name = fields.required("general.architecture", fields.string);
  if (architectures.has(name)) return name;
  const known = [...architectures.keys()];
  throw fields.error(
    "general.architecture",
    `is "${name.slice(0, 60)}"${didYouMean(name.slice(0, 60), known)}; supported: ${known.join(", ")}`,
    "UNSUPPORTED_MODEL",
  );
}

/**
 * The `config.json` of a GGUF file's model, in the dialect of transformers 4, from its metadata and the shapes of its
 * tensors. `ropeFactors` are the values of `rope_freqs.weight`, where there is one.
 *
 * @throws {CheckpointError} `CONFIG` or `UNSUPPORTED_MODEL`, naming file and key.
 */
export function configFromGguf(
  file: string,
  header: GgufHeader,
  ropeFactors?: ArrayLike<number>,
): Record<string, unknown> {
  const fields = new MetadataFields(file, header.metadata);
  const name = architectureOf(fields);
  const at = (key: string) => `${name}.${key}`;
  const need = (key: string) => fields.required(at(key), fields.count);
  const parts = fields.count("split.count") ?? 1;
  if (parts > 1) {
    throw fields.error(
      "split.count",
      `is ${parts}: merge the parts into one file first`,
      "UNSUPPORTED_MODEL",
    );
  }
  if ((fields.count(at("expert_count")) ?? 0) > 0) {
    throw fields.error(
      at("expert_count"),
      "is not 0: mixtures of experts are not supported",
      "UNSUPPORTED_MODEL",
    );
  }
  const window = fields.count(at("attention.sliding_window"));
  if (window && name !== "llama") {
    throw fields.error(
      at("attention.sliding_window"),
      "is not supported, GGUF does not say in which blocks",
      "UNSUPPORTED_MODEL",
    );
  }
  const { modelType, className } = window ? mistral : architectures.get(name)!;
  const heads = need("attention.head_count");
  const hiddenSize = need("embedding_length");
  const headDim = readHeadDim(fields, at, hiddenSize / heads);
  const ropeTheta = fields.single(at("rope.freq_base")) ?? 10_000;
  const has = (tensor: string) => header.tensors.has(tensor);
  return {
    architectures: [className],
    model_type: modelType,
    hidden_size: hiddenSize,
    intermediate_size: need("feed_forward_length"),
    num_hidden_layers: need("block_count"),
    num_attention_heads: heads,
    num_key_value_heads: fields.count(at("attention.head_count_kv")) ?? heads,
    head_dim: headDim,
    vocab_size: header.tensors.get("token_embd.weight")?.shape[0] ?? need("vocab_size"),
    max_position_embeddings: need("context_length"),
    rms_norm_eps: fields.required(at("attention.layer_norm_rms_epsilon"), fields.single),
    rope_theta: ropeTheta,
    rope_scaling: readScaling(
      fields,
      at,
      () => ropeFactors && llama3Scaling(ropeFactors, { file, headDim, ropeTheta }),
    ),
    hidden_act: "silu",
    ...(modelType === "llama"
      ? { attention_bias: has("blk.0.attn_q.bias"), mlp_bias: has("blk.0.ffn_gate.bias") }
      : {}),
    ...(window ? { sliding_window: window } : {}),
    tie_word_embeddings: !has("output.weight"),
    ...tokenIds(fields),
    torch_dtype: storedDType(header.tensors),
  };
}

function readHeadDim(fields: MetadataFields, at: (key: string) => string, otherwise: number): number {
  const headDim = fields.count(at("attention.key_length")) ?? otherwise;
  for (const key of ["attention.value_length", "rope.dimension_count"].map(at)) {
    const found = fields.count(key) ?? headDim;
    if (found === headDim) continue;
    throw fields.error(
      key,
      `is ${found}, only the size of a head, ${headDim}, is supported`,
      "UNSUPPORTED_MODEL",
    );
  }
  return headDim;
}

function readScaling(
  fields: MetadataFields,
  at: (key: string) => string,
  fromFactors: () => Record<string, unknown> | undefined,
): Record<string, unknown> | null {
  const older = fields.single(at("rope.scale_linear")) ?? 1;
  const type = fields.string(at("rope.scaling.type")) ?? (older === 1 ? "none" : "linear");
  const factor = fields.single(at("rope.scaling.factor")) ?? older;
  switch (type) {
    case "none":
      return fromFactors() ?? null;
    case "linear":
      return factor === 1 ? null : { rope_type: "linear", factor };
    case "yarn":
      return { rope_type: "yarn", factor, ...yarnDetails(fields, at) };
    default:
      throw fields.error(
        at("rope.scaling.type"),
        `"${type.slice(0, 60)}" is not supported, only none, linear and yarn; use the model's safetensors`,
        "UNSUPPORTED_MODEL",
      );
  }
}

/** What GGUF says of YaRN beside the factor, by Hugging Face's names. */
function yarnDetails(fields: MetadataFields, at: (key: string) => string): Record<string, number> {
  const attention = at("rope.scaling.attn_factor");
  if ((fields.number(attention) ?? 1) !== 1) throw fields.error(attention, "is not 1", "UNSUPPORTED_MODEL");
  const details: Record<string, number> = {};
  for (const [ours, theirs] of [
    ["original_max_position_embeddings", "original_context_length"],
    ["beta_fast", "yarn_beta_fast"],
    ["beta_slow", "yarn_beta_slow"],
  ] as const) {
    const value = fields.single(at(`rope.scaling.${theirs}`));
    if (value !== undefined) details[ours] = value;
  }
  return details;
}

function tokenIds(fields: MetadataFields): Record<string, number> {
  const ids: Record<string, number> = {};
  for (const [ours, theirs] of [
    ["bos_token_id", "bos_token_id"],
    ["eos_token_id", "eos_token_id"],
    ["pad_token_id", "padding_token_id"],
  ] as const) {
    const id = fields.count(`tokenizer.ggml.${theirs}`);
    if (id !== undefined) ids[ours] = id;
  }
  return ids;
}

/** Of the matrices: f16 or f32 where all are; else bf16, as quantised ones are written. */
function storedDType(tensors: ReadonlyMap<string, GgufTensor>): string {
  const types = new Set(
    [...tensors.values()].filter(({ shape }) => shape.length > 1).map(({ type }) => type),
  );
  const [only] = types;
  if (types.size === 1 && only === "f32") return "float32";
  return types.size === 1 && only === "f16" ? "float16" : "bfloat16";
}
