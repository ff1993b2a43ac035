export { Activations } from "./activations.js";
export type { DecoderFamily, LinearDescription } from "./families/family.js";
export { llama } from "./families/llama.js";
export { families } from "./families/registry.js";
export { LlamaBlock } from "./llama-block.js";
export type { LoadBlockOptions } from "./load-block.js";
export { Model } from "./model.js";
export { type OpenModelOptions, openModel } from "./open-model.js";
export { type SampleWindowsOptions, sampleWindows } from "./windows.js";
