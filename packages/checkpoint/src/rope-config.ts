import { type ConfigFields, shown } from "./config-fields.js";

/** How rotary frequencies are stretched beyond the lengths seen in training. */
export type RopeScaling =
  | {
      readonly kind: "llama3";
      readonly factor: number;
      readonly lowFreqFactor: number;
      readonly highFreqFactor: number;
      readonly originalMaxPositionEmbeddings: number;
    }
  | { readonly kind: "linear"; readonly factor: number }
  /** Changes nothing up to `maxPositionEmbeddings` tokens, which is as many as we take. */
  | { readonly kind: "dynamic"; readonly factor: number }
  | {
      readonly kind: "yarn";
      readonly factor: number;
      /** Rotations over the original context above which a frequency stays, and below which it is divided by `factor`. */
      readonly betaFast: number;
      readonly betaSlow: number;
      readonly originalMaxPositionEmbeddings: number;
      /** Factor on cosines and sines. */
      readonly attentionFactor: number;
      /** Whether the bounds between the frequencies are rounded outwards to whole dimensions. */
      readonly truncate: boolean;
    };

const defaultTheta = 10_000;
const kinds = ["default", "linear", "dynamic", "llama3", "yarn"];

/**
 * The rotary embedding's base and scaling: `rope_parameters` (transformers 5) or `rope_theta` beside `rope_scaling`
 * (transformers 4).
 */
export function readRope(
  fields: ConfigFields,
  maxPositionEmbeddings: number,
): { ropeTheta: number; ropeScaling: RopeScaling | undefined } {
  refusePartial(fields);
  const parameters = fields.object("rope_parameters");
  const outerTheta = fields.positiveNumber("rope_theta", defaultTheta);
  const ropeTheta = parameters?.positiveNumber("rope_theta", outerTheta) ?? outerTheta;
  const key = parameters ? "rope_parameters" : "rope_scaling";
  const scaling = parameters ?? fields.object("rope_scaling");
  return { ropeTheta, ropeScaling: scaling && readScaling(scaling, fields, key, maxPositionEmbeddings) };
}

function refusePartial(fields: ConfigFields): void {
  if (fields.positiveNumber("partial_rotary_factor", 1) !== 1) {
    throw fields.error("partial_rotary_factor", "is not 1, partial rotary embeddings are not supported");
  }
}

function readScaling(
  scaling: ConfigFields,
  fields: ConfigFields,
  key: string,
  maxPositionEmbeddings: number,
): RopeScaling | undefined {
  refusePartial(scaling);
  for (const type of ["full_attention", "sliding_attention"]) {
    if (scaling.has(type))
      throw scaling.error(type, "is there; one rotary embedding for all blocks is supported");
  }
  const kind = scaling.has("rope_type") ? scaling.string("rope_type") : scaling.string("type", "default");
  switch (kind) {
    case "default":
      return undefined;
    case "linear":
    case "dynamic":
      return { kind, factor: scaling.positiveNumber("factor") };
    case "llama3":
      return readLlama3(scaling, maxPositionEmbeddings);
    case "yarn":
      return readYarn(scaling, maxPositionEmbeddings);
    default:
      throw fields.error(key, `is of type ${shown(kind)}, supported: ${kinds.join(", ")}`);
  }
}

const originalLength = (scaling: ConfigFields, maxPositionEmbeddings: number): number =>
  scaling.positiveInteger("original_max_position_embeddings", maxPositionEmbeddings);

function readLlama3(scaling: ConfigFields, maxPositionEmbeddings: number): RopeScaling {
  const lowFreqFactor = scaling.positiveNumber("low_freq_factor");
  const highFreqFactor = scaling.positiveNumber("high_freq_factor");
  if (highFreqFactor <= lowFreqFactor) {
    throw scaling.error(
      "high_freq_factor",
      `is ${highFreqFactor}, it must be above low_freq_factor, ${lowFreqFactor}`,
    );
  }
  return {
    kind: "llama3",
    factor: scaling.positiveNumber("factor"),
    lowFreqFactor,
    highFreqFactor,
    originalMaxPositionEmbeddings: originalLength(scaling, maxPositionEmbeddings),
  };
}

/** YaRN (Peng et al. 2023), with the defaults of transformers. */
function readYarn(scaling: ConfigFields, maxPositionEmbeddings: number): RopeScaling {
  for (const key of ["mscale", "mscale_all_dim"]) {
    if (scaling.has(key)) throw scaling.error(key, "is there; YaRN is supported with attention_factor only");
  }
  const factor = scaling.positiveNumber("factor");
  return {
    kind: "yarn",
    factor,
    betaFast: scaling.positiveNumber("beta_fast", 32),
    betaSlow: scaling.positiveNumber("beta_slow", 1),
    originalMaxPositionEmbeddings: originalLength(scaling, maxPositionEmbeddings),
    attentionFactor: scaling.positiveNumber("attention_factor", factor <= 1 ? 1 : 0.1 * Math.log(factor) + 1),
    truncate: scaling.boolean("truncate", true),
  };
}
