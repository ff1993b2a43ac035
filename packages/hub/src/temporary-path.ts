import { randomBytes } from "node:crypto";
import { basename, dirname, join } from "node:path";

/** A sibling of `path` that nobody else uses: `.<name>.<label>-<pid>-<random>`. */
export function temporaryPath(path: string, label = "tmp"): string {
  return join(dirname(path), `.${basename(path)}.${label}-${process.pid}-${randomBytes(4).toString("hex")}`);
}
