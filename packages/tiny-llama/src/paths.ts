import { fileURLToPath } from "node:url";

/** Absolute path of the checkpoint: `config.json`, `tokenizer.json`, `model.safetensors`. */
// `src/` and the bundle in `dist/` are both one level below the package, where `data/` lies.
export const modelDirectory: string = fileURLToPath(new URL("../data", import.meta.url));

/** Absolute path of `reference.json`: what PyTorch gets by the protocol of this package's README. */
export const referenceFile: string = fileURLToPath(new URL("../data/reference.json", import.meta.url));
