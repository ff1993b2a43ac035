import { type FileHandle, open } from "node:fs/promises";
import { type ByteSource, checkRange, closedError } from "./byte-source.js";
import { HubError } from "./errors.js";
import { errorCode } from "./node-errors.js";

/** Node reads at most 2³¹ − 1 bytes at once. */
const readAtOnce = 2 ** 30;
/** Bytes that `prefetch` reads at once, and then forgets. */
const prefetchAtOnce = 2 ** 24;

/**
 * A source over a local file, kept open until `close`.
 * @throws {HubError} `NOT_FOUND` or `READ_FAILED`, naming the path.
 */
export async function fileSource(path: string): Promise<ByteSource> {
  const { handle, size } = await openFile(path);
  let closing: Promise<void> | undefined;
  return {
    name: path,
    size: async () => size,
    async read(offset, length) {
      if (closing) throw closedError(path);
      checkRange(path, size, offset, length);
      const bytes = new Uint8Array(length);
      await fill(handle, path, bytes, offset);
      return bytes;
    },
    async prefetch(offset, length, signal) {
      checkRange(path, size, offset, length);
      const scrap = new Uint8Array(Math.min(length, prefetchAtOnce));
      for (let done = 0; done < length; done += scrap.length) {
        signal?.throwIfAborted();
        if (closing) throw closedError(path);
        await fill(handle, path, scrap.subarray(0, length - done), offset + done);
      }
    },
    close() {
      closing ??= handle.close();
      return closing;
    },
  };
}

async function openFile(path: string): Promise<{ handle: FileHandle; size: number }> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, "r");
    const stats = await handle.stat();
    if (stats.isFile()) return { handle, size: stats.size };
  } catch (cause) {
    await handle?.close();
    const code = errorCode(cause);
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw new HubError("NOT_FOUND", `${path}: no such file`, { cause });
    }
    throw new HubError("READ_FAILED", `${path}: cannot be opened for reading (${code})`, { cause });
  }
  await handle.close();
  throw new HubError("READ_FAILED", `${path}: is not a file`);
}

async function fill(handle: FileHandle, path: string, bytes: Uint8Array, offset: number): Promise<void> {
  let filled = 0;
  while (filled < bytes.length) {
    const wanted = Math.min(bytes.length - filled, readAtOnce);
    const { bytesRead } = await handle
      .read(bytes, filled, wanted, offset + filled)
      .catch((cause: unknown) => {
        throw new HubError("READ_FAILED", `${path}: reading at offset ${offset + filled} failed`, { cause });
      });
    if (bytesRead === 0) {
      throw new HubError(
        "READ_FAILED",
        `${path}: ended at offset ${offset + filled}; was it cut while open?`,
      );
    }
    filled += bytesRead;
  }
}
