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
  | { readonly kind: "linear"; readonly factor: number };

const defaultTheta = 10_000;

/**
 * The rotary embedding's base and scaling: `rope_parameters` (transformers 5) or `rope_theta` beside `rope_scaling`
 * (transformers 4).
 */
export function readRope(
  fields: ConfigFields,
  maxPositionEmbeddings: number,
): { ropeTheta: number; ropeScaling: RopeScaling | undefined } {
  const parameters = fields.object("rope_parameters");
  const outerTheta = fields.positiveNumber("rope_theta", defaultTheta);
  const ropeTheta = parameters?.positiveNumber("rope_theta", outerTheta) ?? outerTheta;
  const key = parameters ? "rope_parameters" : "rope_scaling";
  const scaling = parameters ?? fields.object("rope_scaling");
  return { ropeTheta, ropeScaling: scaling && readScaling(scaling, fields, key, maxPositionEmbeddings) };
}

function readScaling(
  scaling: ConfigFields,
  fields: ConfigFields,
  key: string,
  maxPositionEmbeddings: number,
): RopeScaling | undefined {
  if (scaling.has("partial_rotary_factor") && scaling.raw("partial_rotary_factor") !== 1) {
    throw scaling.error("partial_rotary_factor", "is not 1, partial rotary embeddings are not supported");
  }
  const kind = scaling.has("rope_type") ? scaling.string("rope_type") : scaling.string("type", "default");
  switch (kind) {
    case "default":
      return undefined;
    case "linear":
      return { kind, factor: scaling.positiveNumber("factor") };
    case "llama3":
      return readLlama3(scaling, maxPositionEmbeddings);
    default:
      throw fields.error(key, `is of type ${shown(kind)}, supported: default, linear, llama3`);
  }
}

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
    originalMaxPositionEmbeddings: scaling.positiveInteger(
      "original_max_position_embeddings",
      maxPositionEmbeddings,
    ),
  };
}
