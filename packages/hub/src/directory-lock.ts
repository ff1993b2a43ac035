import { randomBytes } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HubError } from "./errors.js";
import { hasEnded, type LockHolder, thisProcess } from "./lock-holder.js";
import { temporaryPath } from "./temporary-path.js";

const lockName = "lock";

/** The right of one process to work in a directory. One that a dead process left behind is taken over. */
export class DirectoryLock {
  readonly #path: string;
  readonly #holder: LockHolder;

  private constructor(path: string, holder: LockHolder) {
    this.#path = path;
    this.#holder = holder;
  }

  /** @throws {HubError} `LOCKED` naming the process that works there. */
  static async take(directory: string): Promise<DirectoryLock> {
    const path = join(directory, lockName);
    const holder = await thisProcess(randomBytes(8).toString("hex"));
    const draft = temporaryPath(path);
    await writeFile(draft, JSON.stringify(holder), { flag: "wx" });
    try {
      // A link appears with its contents, and to one process only.
      for (let attempt = 0; attempt < 3; attempt++) {
        if (await tryLink(draft, path)) return new DirectoryLock(path, holder);
        await removeStale(path, directory);
      }
    } finally {
      await rm(draft, { force: true });
    }
    throw new HubError("LOCKED", `${directory}: another process took the lock; try again`);
  }

  /** Gives the lock back, unless it is another's by now. */
  releaseSync(): void {
    try {
      const held = JSON.parse(readFileSync(this.#path, "utf8")) as LockHolder;
      if (held.nonce === this.#holder.nonce) rmSync(this.#path, { force: true });
    } catch {
      // gone with its directory
    }
  }
}

const tryLink = (from: string, to: string): Promise<boolean> =>
  link(from, to).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "EEXIST") return false;
      throw error;
    },
  );

/** Puts the lock of a dead process out of the way. */
async function removeStale(path: string, directory: string): Promise<void> {
  const judged = await holderOf(path);
  if (judged && !(await hasEnded(judged))) throw locked(directory, judged);
  const aside = temporaryPath(path, "stale");
  await rename(path, aside).catch(() => {}); // another process was faster
  const moved = await holderOf(aside);
  if (moved && moved.nonce !== judged?.nonce) {
    // What was moved is the lock of a process that took over between the two looks.
    await tryLink(aside, path).catch(() => false);
    await rm(aside, { force: true });
    throw locked(directory, moved);
  }
  await rm(aside, { force: true });
}

/** `undefined` where there is none, or nothing that can be read. */
async function holderOf(path: string): Promise<LockHolder | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as LockHolder;
  } catch {
    return undefined;
  }
}

const locked = (directory: string, { pid, host }: LockHolder): HubError =>
  new HubError(
    "LOCKED",
    `${directory}: process ${pid} on ${host} works there already; let it end, or end it (if there is none, remove ${join(directory, lockName)})`,
  );
