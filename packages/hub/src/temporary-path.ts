import { randomBytes } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isRunning } from "./process-alive.js";

/** A sibling of `path` that nobody else uses: `.<name>.<label>-<pid>-<random>`. */
export function temporaryPath(path: string, label = "tmp"): string {
  return join(dirname(path), `.${basename(path)}.${label}-${process.pid}-${randomBytes(4).toString("hex")}`);
}

const pattern = /^\.(.+)\.\w+-(\d+)-[0-9a-f]{8}$/;

/** Whether a name is one of {@link temporaryPath}, with whatever label. */
export const isTemporary = (name: string): boolean => pattern.test(name);

/** {@link temporaryPath} for a file, after removing those that killed processes left of the same file. */
export async function freshTemporaryPath(path: string): Promise<string> {
  const folder = dirname(path);
  for (const name of await readdir(folder).catch(() => [])) {
    const [, of, pid] = pattern.exec(name) ?? [];
    // Of folders, which have temporary names too, nothing is removed.
    if (of === basename(path) && !isRunning(Number(pid))) await rm(join(folder, name)).catch(() => {});
  }
  return temporaryPath(path);
}
