import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliDecompress } from "node:zlib";
import { modelDirectory } from "./paths.js";

/** `train` is also for calibration; `test` was seen neither in training nor in making the tokenizer. */
export type Split = "train" | "test";

/** No document holds this character. */
const separator = "\0";

const decompress = promisify(brotliDecompress);

/**
 * The documents of a split, trimmed, in the order of its token stream: State of the Union addresses by year and file
 * name, then the chapters of Moby Dick by number. 331 for `train` (10.9 million characters), 37 for `test`.
 */
export async function documents(split: Split): Promise<string[]> {
  const compressed = await readFile(join(modelDirectory, `${split}.txt.br`));
  return (await decompress(compressed)).toString("utf8").split(separator);
}
