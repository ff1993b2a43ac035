import { rmdirSync, rmSync } from "node:fs";

/** Removes a folder with all it holds, and then the folders made for it, outermost first in `parents`. */
export function removeWithParentsSync(path: string, parents: readonly string[]): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  for (const parent of parents.toReversed()) {
    try {
      rmdirSync(parent);
    } catch {
      return; // someone else uses it by now
    }
  }
}
