import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { syncDirectory } from "./atomic-write.js";
import { DirectoryLock } from "./directory-lock.js";
import { HubError } from "./errors.js";
import { errorCode } from "./node-errors.js";
import { checkReplaceable, checkWritable, missingFolders } from "./output-checks.js";
import { removeWithParentsSync } from "./remove-with-parents.js";
import { exists, syncTree } from "./sync-tree.js";
import { isTemporary } from "./temporary-path.js";

/** Where a {@link ResumableOutput} for `target` works: always the same sibling, `.<name>.partial`. */
export const partialPath = (target: string): string =>
  join(dirname(resolve(target)), `.${basename(resolve(target))}.partial`);

/**
 * A directory that appears complete or not at all, and is filled over as many attempts as it takes: everything is in
 * `.<name>.partial` beside it, `contents` being what will be renamed into place, the rest whatever the work needs to go on.
 * One process at a time works there; when it dies, what it wrote remains.
 */
export class ResumableOutput {
  /** Absolute path the directory will have. */
  readonly target: string;
  /** Absolute path of everything about the attempt. */
  readonly workingPath: string;
  /** Whether there was something from an earlier attempt. */
  readonly found: boolean;
  readonly #lock: DirectoryLock;
  readonly #createdParents: readonly string[];
  #open = true;

  private constructor(
    target: string,
    found: boolean,
    lock: DirectoryLock,
    createdParents: readonly string[],
  ) {
    this.target = target;
    this.workingPath = partialPath(target);
    this.found = found;
    this.#lock = lock;
    this.#createdParents = createdParents;
  }

  /**
   * Claims the work on an output; missing parent folders are made. What is at `path` itself is not looked at.
   *
   * @throws {HubError} `NOT_WRITABLE`; `LOCKED` while another process works on it.
   */
  static async open(path: string): Promise<ResumableOutput> {
    const target = resolve(path);
    const working = partialPath(target);
    const missing = await missingFolders(dirname(target));
    await checkWritable(dirname(missing[0] ?? target));
    try {
      await mkdir(working, { recursive: true });
      const lock = await DirectoryLock.take(working);
      const found = (await readdir(working)).some(
        (name) => !name.startsWith("lock") && !name.startsWith("."),
      );
      if (!found) await mkdir(join(working, "contents"), { recursive: true });
      await syncDirectory(dirname(working));
      return new ResumableOutput(target, found, lock, missing);
    } catch (cause) {
      if (cause instanceof HubError) throw cause;
      throw new HubError(
        "NOT_WRITABLE",
        `${path}: cannot be created (${errorCode(cause)}); choose another output`,
        {
          cause,
        },
      );
    }
  }

  /** @throws {HubError} `OUTPUT_EXISTS` or `OUTPUT_REFUSED` where `commit` would not be allowed to replace what is there. */
  checkReplaceable(force: boolean): Promise<void> {
    return checkReplaceable(this.target, force);
  }

  /** The directory that will be the output. */
  get contents(): string {
    return join(this.workingPath, "contents");
  }

  /** Where to keep what is no part of the output. */
  path(file: string): string {
    return join(this.workingPath, file);
  }

  /** Whether `contents` is there: not once it has been put into place. */
  hasContents(): Promise<boolean> {
    return exists(this.contents);
  }

  /** Forgets earlier attempts. */
  async clear(): Promise<void> {
    await this.#empty();
    await mkdir(this.contents);
  }

  /**
   * Flushes `contents` to the disk and renames it into place, then removes the rest. Killed at any point, a second call in a
   * later attempt completes it: until the last rename `contents` is there.
   *
   * @param sealed Called when everything is flushed, before the first rename: remember then that only this is left to do.
   */
  async commit(force: boolean, sealed: () => Promise<void> = async () => {}): Promise<void> {
    // Of attempts that were killed while they wrote a file.
    for (const name of await readdir(this.contents)) {
      if (isTemporary(name)) await rm(join(this.contents, name), { force: true });
    }
    await syncTree(this.contents);
    await sealed();
    const old = this.path("replaced");
    const taken = await exists(this.target);
    if (taken && !force) {
      throw new HubError("OUTPUT_EXISTS", `${this.target} appeared during the run; move it and run again`);
    }
    try {
      if (taken) {
        await rm(old, { recursive: true, force: true });
        await rename(this.target, old);
      }
      await rename(this.contents, this.target);
    } catch (cause) {
      if (taken && !(await exists(this.target))) await rename(old, this.target).catch(() => {});
      throw new HubError("WRITE_FAILED", `${this.target}: cannot be put into place (${errorCode(cause)})`, {
        cause,
      });
    }
    await syncDirectory(dirname(this.target));
    await this.finish();
  }

  /** Removes what is beside the finished output. */
  async finish(): Promise<void> {
    await this.#empty();
    this.#open = false;
    await rm(this.workingPath, { recursive: true, force: true, maxRetries: 3 });
  }

  /** Files go before folders: a record of what was done before that which it speaks of. */
  async #empty(): Promise<void> {
    const entries = await readdir(this.workingPath, { withFileTypes: true });
    const removed = [...entries.filter((e) => !e.isDirectory()), ...entries.filter((e) => e.isDirectory())];
    for (const { name } of removed) {
      if (name !== "lock") await rm(this.path(name), { recursive: true, force: true, maxRetries: 3 });
    }
  }

  /** Leaves everything for a later attempt; for handlers that cannot wait too. */
  keepSync(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#lock.releaseSync();
  }

  /** Removes everything, and the folders made for it. After `commit` or `keepSync` it does nothing. */
  discardSync(): void {
    if (!this.#open) return;
    this.#open = false;
    removeWithParentsSync(this.workingPath, this.#createdParents);
  }
}
