export {
  type ActivationDType,
  ActivationStorage,
  type ActivationStorageOptions,
} from "./activation-storage.js";
export { type ActivationShape, Activations } from "./activations.js";
export { type CalibrateOptions, calibrate } from "./calibrate.js";
export type { DecoderFamily, HeadNorms, LinearDescription } from "./families/family.js";
export { llama } from "./families/llama.js";
export { mistral } from "./families/mistral.js";
export { qwen2 } from "./families/qwen2.js";
export { qwen3 } from "./families/qwen3.js";
export { families, parseConfig } from "./families/registry.js";
export type { LoadBlockOptions } from "./load-block.js";
export { LoadedBlock } from "./loaded-block.js";
export { Model } from "./model.js";
export { type OpenModelOptions, openModel } from "./open-model.js";
export { type SampleWindowsOptions, sampleWindows } from "./windows.js";
