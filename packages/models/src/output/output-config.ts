import {
  type DecoderConfig,
  type PackedPattern,
  packedConfig,
  rotatedFormatVersion,
  rotatedPrefix,
  type WeightDType,
} from "@denoise-rotator/checkpoint";
import type { SiteRole } from "@denoise-rotator/contracts";
import type { DecoderFamily } from "../families/family.js";
import { loaderFile } from "../loader-file.js";

const module = loaderFile.replace(/\.py$/, "");
const dtypeNames: Record<WeightDType, string> = { f32: "float32", f16: "float16", bf16: "bfloat16" };

/** How the tensors of an output are stored. */
export interface OutputForm {
  /** Changes of basis lie between the blocks. */
  readonly rotated: boolean;
  /** All blocks have one basis, which embedding and head take in. */
  readonly shared: boolean;
  /** The head is the embedding. */
  readonly tied: boolean;
  /** Default: each tensor as it was. */
  readonly dtype?: WeightDType | undefined;
  /** The pattern by which a site's weight is stored packed, if it is. */
  readonly packed?: SitePacking | undefined;
}

/** By block and role: the pattern that the weight has and is stored packed by; `undefined`: it is stored plain. */
export type SitePacking = (index: number, role: SiteRole) => PackedPattern | undefined;

/**
 * The JSON of an output's `config.json`: the source's, in the dialect that transformers 4 and 5 both read. A rotated
 * form bears a `model_type` and `architectures` of its own, so that loaders that do not know it refuse it, and names
 * the file that teaches transformers.
 */
export function outputConfig(
  config: DecoderConfig,
  family: DecoderFamily,
  form: OutputForm,
): Record<string, unknown> {
  const { dtype, torch_dtype, rope_parameters, ...rest } = config.raw;
  const json: Record<string, unknown> = rest;
  const stored = form.dtype ? dtypeNames[form.dtype] : (torch_dtype ?? dtype);
  if (stored !== undefined) json.torch_dtype = stored;
  if (rope_parameters) Object.assign(json, olderRope(config, rope_parameters as Record<string, unknown>));
  if (form.rotated) {
    const name = `DenoiseRotator${family.className}`;
    json.model_type = rotatedPrefix + family.modelType;
    json.architectures = [`${name}ForCausalLM`];
    json.auto_map = {
      AutoConfig: `${module}.${name}Config`,
      AutoModelForCausalLM: `${module}.${name}ForCausalLM`,
    };
    json.denoise_rotator = { version: rotatedFormatVersion, base_model_type: family.modelType };
  }
  if (form.tied !== config.tieWordEmbeddings || form.rotated) json.tie_word_embeddings = form.tied;
  return form.packed ? packedOutputConfig(json, family) : json;
}

/** The `config.json` of a model whose plain one is `json`, for weights that are stored packed. */
export const packedOutputConfig = (json: Readonly<Record<string, unknown>>, family: DecoderFamily) =>
  packedConfig(json, { family: family.modelType, className: family.className, module });

function olderRope(config: DecoderConfig, parameters: Readonly<Record<string, unknown>>) {
  const { rope_theta: _theta, ...scaling } = parameters;
  return { rope_theta: config.ropeTheta, rope_scaling: config.ropeScaling ? scaling : null };
}
