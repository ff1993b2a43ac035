import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { DenoiseRotatorError } from "@denoise-rotator/core";
import type { Model } from "@denoise-rotator/models";
import { documents } from "@denoise-rotator/tiny-llama";

export type EmbeddedSplit = "train" | "test";

/**
 * The token ids of a text: `embedded` (the embedded model's own split), a text file, or a directory of `.txt` files in
 * the order of their names. Documents follow one another, each after the model's first token where it has one.
 *
 * @throws DenoiseRotatorError naming `option` and the path where it cannot be read.
 */
export async function tokensOf(
  model: Model,
  source: string,
  split: EmbeddedSplit,
  option: string,
): Promise<Int32Array> {
  const texts = source === "embedded" ? await documents(split) : await readTexts(source, option);
  const tokenizer = await model.tokenizer;
  const [first] = model.config.bosTokenIds;
  const parts: Int32Array[] = [];
  for (const text of texts) {
    if (first !== undefined) parts.push(Int32Array.of(first));
    parts.push(tokenizer.encode(text));
  }
  const stream = new Int32Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    stream.set(part, at);
    at += part.length;
  }
  return stream;
}

async function readTexts(path: string, option: string): Promise<string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [await readFile(path, "utf8")];
    const names = (await readdir(path)).filter((name) => name.endsWith(".txt")).sort();
    if (names.length === 0)
      throw new DenoiseRotatorError("TEXT", `${option} ${path}: the directory holds no .txt files`);
    return await Promise.all(names.map((name) => readFile(join(path, name), "utf8")));
  } catch (error) {
    if (error instanceof DenoiseRotatorError) throw error;
    throw new DenoiseRotatorError(
      "TEXT",
      `${option} ${path}: cannot be read (${(error as NodeJS.ErrnoException).code ?? error})`,
    );
  }
}
