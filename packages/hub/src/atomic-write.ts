import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { HubError } from "./errors.js";
import { errorCode } from "./node-errors.js";
import { freshTemporaryPath } from "./temporary-path.js";

/**
 * Writes a whole file or nothing: into a sibling, flushed to the disk, then renamed over `path`.
 * @throws {HubError} `WRITE_FAILED`, naming the path; nothing is left behind, and what a killed
 * process left of the same file goes.
 */
export async function atomicWriteFile(path: string, data: string | Uint8Array): Promise<void> {
  const temporary = await freshTemporaryPath(path);
  try {
    const handle = await open(temporary, "wx");
    try {
      await handle.writeFile(data);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new HubError("WRITE_FAILED", `${path}: cannot be written (${errorCode(cause)})`, { cause });
  }
}

/** Flushes a rename to the disk where the system can (Windows cannot open directories). */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, "r").catch(() => undefined);
  await handle?.sync().catch(() => {});
  await handle?.close();
}
