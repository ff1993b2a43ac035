import {
  type DecoderConfig,
  rotatedFormatVersion,
  rotatedPrefix,
  type WeightDType,
} from "@denoise-rotator/checkpoint";
import type { DecoderFamily } from "../families/family.js";
import { loaderFile } from "../loader-file.js";

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
}

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
    const module = loaderFile.replace(/\.py$/, "");
    json.model_type = rotatedPrefix + family.modelType;
    json.architectures = [`${name}ForCausalLM`];
    json.auto_map = {
      AutoConfig: `${module}.${name}Config`,
      AutoModelForCausalLM: `${module}.${name}ForCausalLM`,
    };
    json.denoise_rotator = { version: rotatedFormatVersion, base_model_type: family.modelType };
  }
  if (form.tied !== config.tieWordEmbeddings || form.rotated) json.tie_word_embeddings = form.tied;
  return json;
}

function olderRope(config: DecoderConfig, parameters: Readonly<Record<string, unknown>>) {
  const { rope_theta: _theta, ...scaling } = parameters;
  return { rope_theta: config.ropeTheta, rope_scaling: config.ropeScaling ? scaling : null };
}
