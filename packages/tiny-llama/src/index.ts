export { type ContinuationRow, continuationRows } from "./continuations.js";
export { modelDirectory, referenceFile } from "./paths.js";
export {
  calibrationWindows,
  type Encode,
  spacedWindows,
  stridedWindows,
  testWindows,
  tokenStream,
  windowLength,
} from "./protocol.js";
export { documents, type Split } from "./texts.js";
