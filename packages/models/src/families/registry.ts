import { OptionError } from "@denoise-rotator/core";
import type { DecoderFamily } from "./family.js";
import { llama } from "./llama.js";

/** The families this package reads. */
export const families: readonly DecoderFamily[] = [llama];

/** The family of a `model_type`; throws {@link OptionError} naming what is supported. */
export function familyOf(modelType: string): DecoderFamily {
  const family = families.find((candidate) => candidate.modelType === modelType);
  if (family) return family;
  const known = families.map((candidate) => candidate.modelType).join(", ");
  throw new OptionError(`model_type ${modelType} is not supported; supported: ${known}`);
}
