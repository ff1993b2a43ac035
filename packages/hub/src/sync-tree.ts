import type { Dirent } from "node:fs";
import { lstat, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { syncDirectory } from "./atomic-write.js";

/** Whether anything is at `path`, a dangling link too. */
export async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** Flushes every file below `path` to the disk, and the folders' lists of them. */
export async function syncTree(path: string): Promise<void> {
  const entries: Dirent[] = await readdir(path, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const inner = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) await syncDirectory(inner);
    if (!entry.isFile()) continue;
    const handle = await open(inner, "r+");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
  await syncDirectory(path);
}
