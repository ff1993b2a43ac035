import { ConfigFields, shown } from "./config-fields.js";
import { CheckpointError } from "./errors.js";
import { limits } from "./limits.js";
import { type RopeScaling, readRope } from "./rope-config.js";
import { didYouMean } from "./suggest.js";

/** Before a family's `model_type` in the checkpoints that this project writes with rotations between blocks. */
export const rotatedPrefix = "denoise_rotator_";
/** Version of the layout under the key `denoise_rotator`. */
export const rotatedFormatVersion = 1;

/** What the `config.json` of one family says otherwise than that of Llama. */
export interface ConfigRules {
  /** Its `model_type`. */
  readonly modelType: string;
  /** What transformers takes where a key is absent; default: one key/value head per head, 2048 positions. */
  readonly defaults?: {
    /** Default: `hidden_size / num_attention_heads`. */
    readonly headDim?: number;
    readonly keyValueHeadCount?: number;
    readonly maxPositionEmbeddings?: number;
  };
  /** The attention window of every block; default none. See {@link DecoderConfig.attentionWindows}. */
  readonly attentionWindows?: (fields: ConfigFields, layerCount: number) => readonly (number | undefined)[];
}

/** The configuration of a decoder, checked; both dialects of transformers, 4 and 5, are read. */
export interface DecoderConfig {
  /** The base family's `model_type`, also for a rotated checkpoint. */
  readonly modelType: string;
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
  /** By block: how many tokens attention sees, the present one and those before it; `undefined`: all. */
  readonly attentionWindows: readonly (number | undefined)[];
  readonly tieWordEmbeddings: boolean;
  /** Says `attention_bias`; which layers that concerns is the family's. */
  readonly attentionBias: boolean;
  /** Says `mlp_bias`; which layers that concerns is the family's. */
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

/**
 * Names and checks the values of a `config.json` by the rules of its family, one of `families`. `file` is what errors call
 * it.
 * @throws {CheckpointError} `UNSUPPORTED_MODEL` or `CONFIG`, naming file and key, and what is supported.
 */
export function parseDecoderConfig(
  raw: Readonly<Record<string, unknown>>,
  families: readonly ConfigRules[],
  file = "config.json",
): DecoderConfig {
  const fields = new ConfigFields(file, raw);
  const { rules, rotated } = readModelType(file, fields, families);
  const { defaults = {} } = rules;
  refuseUnsupported(fields);
  const headCount = fields.positiveInteger("num_attention_heads");
  const keyValueHeadCount = readKeyValueHeadCount(fields, headCount, defaults.keyValueHeadCount);
  const hiddenSize = fields.positiveInteger("hidden_size");
  const layerCount = fields.positiveInteger("num_hidden_layers");
  if (layerCount > limits.layers) {
    throw fields.error("num_hidden_layers", `is ${layerCount}, the limit is ${limits.layers}`);
  }
  const maxPositionEmbeddings = fields.positiveInteger(
    "max_position_embeddings",
    defaults.maxPositionEmbeddings ?? 2048,
  );
  return {
    modelType: rules.modelType,
    rotated,
    hiddenSize,
    intermediateSize: fields.positiveInteger("intermediate_size"),
    layerCount,
    headCount,
    keyValueHeadCount,
    headDim: readHeadDim(fields, hiddenSize, headCount, defaults.headDim),
    vocabularySize: fields.positiveInteger("vocab_size"),
    maxPositionEmbeddings,
    rmsNormEps: fields.positiveNumber("rms_norm_eps", 1e-6),
    ...readRope(fields, maxPositionEmbeddings),
    attentionWindows: rules.attentionWindows?.(fields, layerCount) ?? new Array(layerCount).fill(undefined),
    tieWordEmbeddings: fields.boolean("tie_word_embeddings", false),
    attentionBias: fields.boolean("attention_bias", false),
    mlpBias: fields.boolean("mlp_bias", false),
    hiddenAct: "silu",
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

/** What would be computed otherwise than we do. */
function refuseUnsupported(fields: ConfigFields): void {
  const act = fields.string("hidden_act", "silu");
  if (act !== "silu") throw fields.error("hidden_act", `is ${shown(act)}, only "silu" is supported`);
  if (fields.has("quantization_config")) {
    throw fields.error("quantization_config", "is there; give the model with weights in f32, f16 or bf16");
  }
  if (fields.boolean("rope_interleaved", false)) {
    throw fields.error("rope_interleaved", "is true, only the half-split layout (false) is supported");
  }
}

/** Where it is null there are as many as heads, whatever the family's default. */
function readKeyValueHeadCount(fields: ConfigFields, headCount: number, usual = headCount): number {
  const key = "num_key_value_heads";
  const count = fields.positiveInteger(key, fields.raw(key) === null ? headCount : usual);
  if (headCount % count === 0) return count;
  throw fields.error(key, `is ${count}, it must divide num_attention_heads, ${headCount}`);
}

function readHeadDim(fields: ConfigFields, hiddenSize: number, headCount: number, usual?: number): number {
  const fallback = fields.raw("head_dim") === null ? undefined : usual;
  if (!fields.has("head_dim") && fallback === undefined && hiddenSize % headCount !== 0) {
    throw fields.error(
      "hidden_size",
      `is ${hiddenSize}, without head_dim num_attention_heads, ${headCount}, must divide it`,
    );
  }
  const headDim = fields.positiveInteger("head_dim", fallback ?? hiddenSize / headCount);
  if (headDim % 2 !== 0) throw fields.error("head_dim", `is ${headDim}, rotary embeddings need it even`);
  return headDim;
}

/** The family's rules, and whether the checkpoint is a rotated one; what no family claims is an error. */
function readModelType(
  file: string,
  fields: ConfigFields,
  families: readonly ConfigRules[],
): { rules: ConfigRules; rotated: boolean } {
  const modelType = fields.string("model_type");
  const rotated = modelType.startsWith(rotatedPrefix);
  const base = rotated ? modelType.slice(rotatedPrefix.length) : modelType;
  const rules = families.find((family) => family.modelType === base);
  if (!rules) {
    const known = families.map((family) => family.modelType);
    const all = [...known, ...known.map((type) => rotatedPrefix + type)];
    throw new CheckpointError(
      "UNSUPPORTED_MODEL",
      `${file}: model_type ${shown(modelType)} is not supported${didYouMean(modelType, all)}; ` +
        `supported: ${known.join(", ")} and, of these, ${rotatedPrefix}…`,
    );
  }
  if (rotated) checkRotatedForm(fields, modelType, base);
  else if (fields.has("denoise_rotator")) {
    throw fields.error(
      "model_type",
      `is ${shown(modelType)} beside denoise_rotator, it must be "${rotatedPrefix}${base}"`,
    );
  }
  return { rules, rotated };
}

function checkRotatedForm(fields: ConfigFields, modelType: string, base: string): void {
  const ours = fields.object("denoise_rotator");
  if (!ours) throw fields.error("denoise_rotator", `is missing, a "${modelType}" checkpoint has it`);
  const version = ours.positiveInteger("version");
  if (version > rotatedFormatVersion) {
    throw ours.error(
      "version",
      `is ${version}, this release reads up to ${rotatedFormatVersion}; update denoise-rotator`,
    );
  }
  const said = ours.string("base_model_type");
  if (said !== base) throw ours.error("base_model_type", `is ${shown(said)}, model_type says "${base}"`);
}
