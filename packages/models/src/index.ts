export {
  type ActivationDType,
  ActivationStorage,
  type ActivationStorageOptions,
  activationDTypes,
} from "./activation-storage.js";
export { type ActivationShape, Activations } from "./activations.js";
export { type CalibrateOptions, calibrate } from "./calibrate.js";
export type { CalibrationState } from "./calibration-state.js";
export type { DecoderFamily, HeadNorms, LinearDescription } from "./families/family.js";
export { llama } from "./families/llama.js";
export { mistral } from "./families/mistral.js";
export { qwen2 } from "./families/qwen2.js";
export { qwen3 } from "./families/qwen3.js";
export { families, parseConfig } from "./families/registry.js";
export { ForwardBlock } from "./forward-block.js";
export { type ChatMessage, chatPrompt } from "./generation/chat-prompt.js";
export { chooseToken, type SamplingOptions } from "./generation/choose-token.js";
export { checkMemory, type MemoryNeed, memoryNeed } from "./generation/memory-need.js";
export type { AppendOptions, Sequence } from "./generation/sequence.js";
export {
  checkPrompt,
  type FinishReason,
  type GenerateOptions,
  type LoadGeneratorOptions,
  type NextToken,
  TextGenerator,
  type TextPiece,
  type TokenOptions,
} from "./generation/text-generator.js";
export { defaultLargeInputs } from "./large-statistics.js";
export type { LoadBlockOptions } from "./load-block.js";
export { LoadedBlock } from "./loaded-block.js";
export { Model } from "./model.js";
export { type OpenModelOptions, openModel } from "./open-model.js";
export type { SitePacking } from "./output/output-config.js";
export { packModel, type RepackOptions, unpackModel } from "./repack.js";
export { type SampleWindowsOptions, sampleWindows } from "./windows.js";
