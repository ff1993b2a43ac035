import { readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** Removes what processes that are dead by now had begun to write for `path`, see `temporaryPath` of hub. */
export async function removeUnfinished(path: string): Promise<void> {
  const start = `.${basename(path)}.tmp-`;
  for (const name of await readdir(dirname(path)).catch(() => [])) {
    const pid = name.startsWith(start)
      ? /^(\d+)-[0-9a-f]{8}$/.exec(name.slice(start.length))?.[1]
      : undefined;
    if (pid && !isRunning(Number(pid))) await rm(join(dirname(path), name), { force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
