import { fileURLToPath } from "node:url";

/** Name of the Python file that loads rotated checkpoints in transformers; saved with them. */
export const loaderFile = "modeling_denoise_rotator.py";

/** Its absolute path in this package. */
// `src/` and the bundle in `dist/` are both one level below the package, where `python/` lies.
export const loaderPath: string = fileURLToPath(new URL(`../python/${loaderFile}`, import.meta.url));
