import { type FileHandle, open, rename } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { syncDirectory } from "@denoise-rotator/hub";
import { CheckpointError } from "./errors.js";
import type { SafetensorsLayout } from "./safetensors-layout.js";

/** Node writes at most 2³¹ − 1 bytes at once. */
const writeAtOnce = 2 ** 30;

/** Where a file that several writers fill in turn is until it is complete. */
export const partPath = (path: string): string => join(dirname(path), `.${basename(path)}.part`);

/**
 * Opens the part of a file for writing, or starts it. A file complete already becomes a part again: what came after
 * `written` is to be written anew.
 *
 * @throws {CheckpointError} `MALFORMED` where tensors were written, but not into a file of this layout; `WRITE_FAILED`.
 */
export async function openPart(
  path: string,
  layout: SafetensorsLayout,
  written: ReadonlySet<string>,
): Promise<{ handle: FileHandle; temporary: string }> {
  const temporary = partPath(path);
  const needed = [...layout.tensors.keys()].find((name) => written.has(name));
  let handle: FileHandle | undefined;
  try {
    handle = await open(temporary, "r+").catch(() => undefined);
    if (!handle) {
      await rename(path, temporary).catch(() => {});
      handle = await open(temporary, "r+").catch(() => undefined);
    }
    if (handle && (await hasLayout(handle, layout))) return { handle, temporary };
    if (needed !== undefined) {
      throw new CheckpointError(
        "MALFORMED",
        `${temporary}: is not the file that "${needed}" was written to; start afresh`,
      );
    }
    handle ??= await open(temporary, "w+");
    await handle.truncate(0);
    await handle.truncate(layout.fileSize);
    await writeFully(handle, layout.header, 0);
    await handle.sync();
    await syncDirectory(dirname(path));
    return { handle, temporary };
  } catch (cause) {
    await handle?.close();
    throw cause instanceof CheckpointError ? cause : writeFailed(path, cause);
  }
}

async function hasLayout(handle: FileHandle, { fileSize, header }: SafetensorsLayout): Promise<boolean> {
  if ((await handle.stat()).size !== fileSize) return false;
  const found = Buffer.alloc(header.length);
  const { bytesRead } = await handle.read(found, 0, header.length, 0);
  return bytesRead === header.length && found.equals(header);
}

export async function writeFully(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const count = Math.min(bytes.length - written, writeAtOnce);
    written += (await handle.write(bytes, written, count, position + written)).bytesWritten;
  }
}

export function writeFailed(path: string, cause: unknown): CheckpointError {
  const code = (cause as { code?: unknown } | null)?.code ?? "unknown";
  return new CheckpointError(
    "WRITE_FAILED",
    `${path}: cannot be written (${code}); is the disk full or read-only?`,
    {
      cause,
    },
  );
}
