import { join } from "node:path";
import { ConfigFields, shown } from "./config-fields.js";
import { CheckpointError } from "./errors.js";
import { readConfigJson } from "./open-checkpoint.js";
import { type RopeScaling, readRope } from "./rope-config.js";
import { didYouMean } from "./suggest.js";

/** `model_type` of the checkpoints this project writes with rotations between blocks. */
export const rotatedModelType = "denoise_rotator_llama";
/** Their `architectures`; loaders that do not know it refuse the checkpoint rather than run it wrongly. */
export const rotatedArchitecture = "DenoiseRotatorLlamaForCausalLM";
/** Version of the layout under the key `denoise_rotator`. */
export const rotatedFormatVersion = 1;

/** The configuration of a model of the Llama family, checked; both dialects of transformers, 4 and 5, are read. */
export interface LlamaConfig {
  /** The base family, also for a rotated checkpoint. */
  readonly modelType: "llama";
  /** Whether boundary products of rotations lie between the blocks (a checkpoint of this project). */
  readonly rotated: boolean;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layerCount: number;
  /** Query heads. */
  readonly headCount: number;
  /** Divides `headCount`. */
  readonly keyValueHeadCount: number;
  /** Even; `headCount · headDim` need not be `hiddenSize`. */
  readonly headDim: number;
  readonly vocabularySize: number;
  readonly maxPositionEmbeddings: number;
  readonly rmsNormEps: number;
  readonly ropeTheta: number;
  readonly ropeScaling: RopeScaling | undefined;
  readonly tieWordEmbeddings: boolean;
  /** Biases on q, k, v and o. */
  readonly attentionBias: boolean;
  /** Biases on gate, up and down. */
  readonly mlpBias: boolean;
  readonly hiddenAct: "silu";
  /** Empty where the file names none. */
  readonly bosTokenIds: readonly number[];
  readonly eosTokenIds: readonly number[];
  /** What the weights are said to be stored as, e.g. `bfloat16`; undefined where the file does not say. */
  readonly dtype: string | undefined;
  /** The file's JSON. */
  readonly raw: Readonly<Record<string, unknown>>;
}

const supportedModelTypes = ["llama", rotatedModelType] as const;

/** The checked configuration of a checkpoint directory. */
export async function readLlamaConfig(directory: string): Promise<LlamaConfig> {
  return parseLlamaConfig(await readConfigJson(directory), join(directory, "config.json"));
}

/**
 * Names and checks the values of a `config.json`. `file` is what errors call it.
 * @throws {CheckpointError} `UNSUPPORTED_MODEL` or `CONFIG`, naming file and key.
 */
export function parseLlamaConfig(raw: Readonly<Record<string, unknown>>, file = "config.json"): LlamaConfig {
  const fields = new ConfigFields(file, raw);
  const rotated = checkModelType(file, fields);
  const headCount = fields.positiveInteger("num_attention_heads");
  const keyValueHeadCount = fields.positiveInteger("num_key_value_heads", headCount);
  if (headCount % keyValueHeadCount !== 0) {
    throw fields.error(
      "num_key_value_heads",
      `is ${keyValueHeadCount}, it must divide num_attention_heads, ${headCount}`,
    );
  }
  const hiddenSize = fields.positiveInteger("hidden_size");
  const hiddenAct = fields.string("hidden_act", "silu");
  if (hiddenAct !== "silu")
    throw fields.error("hidden_act", `is ${shown(hiddenAct)}, only "silu" is supported`);
  const maxPositionEmbeddings = fields.positiveInteger("max_position_embeddings", 2048);
  return {
    modelType: "llama",
    rotated,
    hiddenSize,
    intermediateSize: fields.positiveInteger("intermediate_size"),
    layerCount: fields.positiveInteger("num_hidden_layers"),
    headCount,
    keyValueHeadCount,
    headDim: readHeadDim(fields, hiddenSize, headCount),
    vocabularySize: fields.positiveInteger("vocab_size"),
    maxPositionEmbeddings,
    rmsNormEps: fields.positiveNumber("rms_norm_eps", 1e-6),
    ...readRope(fields, maxPositionEmbeddings),
    tieWordEmbeddings: fields.boolean("tie_word_embeddings", false),
    attentionBias: fields.boolean("attention_bias", false),
    mlpBias: fields.boolean("mlp_bias", false),
    hiddenAct,
    bosTokenIds: fields.tokenIds("bos_token_id"),
    eosTokenIds: fields.tokenIds("eos_token_id"),
    dtype: fields.has("dtype")
      ? fields.string("dtype")
      : fields.has("torch_dtype")
        ? fields.string("torch_dtype")
        : undefined,
    raw,
  };
}

function readHeadDim(fields: ConfigFields, hiddenSize: number, headCount: number): number {
  if (!fields.has("head_dim") && hiddenSize % headCount !== 0) {
    throw fields.error(
      "hidden_size",
      `is ${hiddenSize}, without head_dim num_attention_heads, ${headCount}, must divide it`,
    );
  }
  const headDim = fields.positiveInteger("head_dim", hiddenSize / headCount);
  if (headDim % 2 !== 0) throw fields.error("head_dim", `is ${headDim}, rotary embeddings need it even`);
  return headDim;
}

/** Whether the checkpoint is a rotated one; other families are an error. */
function checkModelType(file: string, fields: ConfigFields): boolean {
  const modelType = fields.string("model_type");
  if (modelType === "llama") {
    if (fields.has("denoise_rotator")) {
      throw fields.error("model_type", `is "llama" beside denoise_rotator, it must be "${rotatedModelType}"`);
    }
    return false;
  }
  if (modelType !== rotatedModelType) {
    throw new CheckpointError(
      "UNSUPPORTED_MODEL",
      `${file}: model_type ${shown(modelType)} is not supported${didYouMean(modelType, supportedModelTypes)}; ` +
        `supported: ${supportedModelTypes.join(", ")}`,
    );
  }
  const ours = fields.object("denoise_rotator");
  if (!ours) throw fields.error("denoise_rotator", `is missing, a "${rotatedModelType}" checkpoint has it`);
  const version = ours.positiveInteger("version");
  if (version > rotatedFormatVersion) {
    throw ours.error(
      "version",
      `is ${version}, this release reads up to ${rotatedFormatVersion}; update denoise-rotator`,
    );
  }
  const base = ours.string("base_model_type");
  if (base !== "llama") throw ours.error("base_model_type", `is ${shown(base)}, supported: "llama"`);
  return true;
}
