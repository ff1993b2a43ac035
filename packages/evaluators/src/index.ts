export { type PerplexityResult, perplexity } from "./perplexity.js";
export { type EvenWindows, type EvenWindowsOptions, evenWindows } from "./windows.js";
