import { createReadStream } from "node:fs";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { DatasetError } from "./errors.js";

/**
 * The text of a UTF-8 file, in pieces; one that ends in .gz is decompressed.
 * @throws {DatasetError} naming a file that is missing, cut, or no UTF-8.
 */
export async function* textChunks(path: string): AsyncGenerator<string> {
  const file = createReadStream(path);
  const bytes = path.endsWith(".gz") ? pipeline(file, createGunzip(), () => {}) : file;
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    for await (const chunk of bytes) {
      const text = decoder.decode(chunk as Uint8Array, { stream: true });
      if (text) yield text;
    }
    const rest = decoder.decode();
    if (rest) yield rest;
  } catch (cause) {
    throw unreadable(path, cause);
  } finally {
    file.destroy();
  }
}

/** The error for a file of rows that cannot be read. */
export function unreadable(path: string, cause: unknown): DatasetError {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === "ENOENT") return new DatasetError("NOT_FOUND", `${path}: no such file`, { cause });
  return new DatasetError(
    "MALFORMED",
    `${path}: cannot be read (${code ?? message}); is it damaged or incomplete?`,
    {
      cause,
    },
  );
}
