import { access, constants, lstat, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, relative, sep } from "node:path";
import { HubError } from "./errors.js";
import { errorCode } from "./node-errors.js";

const writeBits = 0o222;

/** Throws if `target` exists and may not, or should not, be replaced. */
export async function checkReplaceable(target: string, force: boolean): Promise<void> {
  const stats = await lstat(target).catch(() => undefined);
  if (!stats) return;
  for (const kept of [process.cwd(), homedir()]) {
    if (contains(target, kept)) {
      throw new HubError("OUTPUT_REFUSED", `${target} holds ${kept}; choose a folder of its own as output`);
    }
  }
  if (!force) {
    throw new HubError(
      "OUTPUT_EXISTS",
      `${target} exists already; choose another output or replace it with --force`,
    );
  }
  if (stats.isDirectory()) await checkWritable(target);
}

/**
 * Throws if nothing can be made in `directory`. A folder without any write bit counts as read-only for the
 * superuser too, who could write there but was told not to.
 */
export async function checkWritable(directory: string): Promise<void> {
  try {
    const stats = await stat(directory);
    if (stats.isDirectory()) {
      await access(directory, constants.W_OK);
      if ((stats.mode & writeBits) !== 0) return;
    }
  } catch (cause) {
    throw new HubError(
      "NOT_WRITABLE",
      `${directory} is not writable (${errorCode(cause)}); choose another output`,
      {
        cause,
      },
    );
  }
  throw new HubError("NOT_WRITABLE", `${directory} is not a writable folder; choose another output`);
}

/** Those of `directory` and its parents that do not exist yet, outermost first. */
export async function missingFolders(directory: string): Promise<string[]> {
  const missing: string[] = [];
  for (let path = directory; !(await stat(path).catch(() => undefined)); path = dirname(path)) {
    missing.unshift(path);
    if (dirname(path) === path) break;
  }
  return missing;
}

/** Whether `inner` is `outer` or lies below it. */
function contains(outer: string, inner: string): boolean {
  const path = relative(outer, inner);
  return path === "" || (path !== ".." && !path.startsWith(`..${sep}`) && path !== inner);
}
