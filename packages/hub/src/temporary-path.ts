import { randomBytes } from "node:crypto";
import { basename, dirname, join } from "node:path";

/** A sibling of `path` that nobody else uses: `.<name>.<label>-<pid>-<random>`. */
export function temporaryPath(path: string, label = "tmp"): string {
  return join(dirname(path), `.${basename(path)}.${label}-${process.pid}-${randomBytes(4).toString("hex")}`);
}

/** Whether a name is one of {@link temporaryPath}, with whatever label. */
export const isTemporary = (name: string): boolean => /^\..+\.\w+-\d+-[0-9a-f]{8}$/.test(name);
