import { mkdir, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { syncDirectory } from "./atomic-write.js";
import { HubError } from "./errors.js";
import { errorCode } from "./node-errors.js";
import { checkReplaceable, checkWritable, missingFolders } from "./output-checks.js";
import { removeWithParentsSync } from "./remove-with-parents.js";
import { exists, syncTree } from "./sync-tree.js";
import { temporaryPath } from "./temporary-path.js";

export interface OutputDirectoryOptions {
  /** Replace what is at the path already; it stays until `commit` succeeds. */
  force?: boolean;
}

/**
 * A directory that appears complete or not at all. Files go to a hidden sibling; `commit` renames it into place.
 *
 * ```ts
 * await using output = await OutputDirectory.create("./pruned");
 * await writeFile(output.path("config.json"), "{}");
 * await output.commit(); // without this, leaving the scope removes everything
 * ```
 */
export class OutputDirectory implements AsyncDisposable {
  /** Absolute path the directory will have. */
  readonly target: string;
  /** Absolute path of the directory that is being filled. */
  readonly workingPath: string;
  readonly #force: boolean;
  readonly #createdParents: readonly string[];
  #state: "open" | "committed" | "aborted" = "open";

  private constructor(target: string, force: boolean, createdParents: readonly string[]) {
    this.target = target;
    this.workingPath = temporaryPath(target);
    this.#force = force;
    this.#createdParents = createdParents;
  }

  /**
   * Claims the output; missing parent folders are made.
   * @throws {HubError} `OUTPUT_EXISTS` without `force`, `NOT_WRITABLE`, or `OUTPUT_REFUSED` where replacing
   *   would remove the current, the home or a parent folder. Nothing has been changed then.
   */
  static async create(path: string, options: OutputDirectoryOptions = {}): Promise<OutputDirectory> {
    const target = resolve(path);
    const force = options.force ?? false;
    await checkReplaceable(target, force);
    const missing = await missingFolders(dirname(target));
    await checkWritable(dirname(missing[0] ?? target));
    const output = new OutputDirectory(target, force, missing);
    try {
      await mkdir(dirname(target), { recursive: true });
      await mkdir(output.workingPath);
    } catch (cause) {
      output.abortSync();
      throw new HubError(
        "NOT_WRITABLE",
        `${path}: cannot be created (${errorCode(cause)}); choose another output`,
        {
          cause,
        },
      );
    }
    return output;
  }

  /** Where to write a file of the output; folders in `file` are the caller's to make. */
  path(file: string): string {
    if (this.#state !== "open")
      throw new HubError("CLOSED", `${this.target}: the output is ${this.#state} already`);
    return join(this.workingPath, file);
  }

  /** Flushes every file and renames the directory into place. On failure what was there before is there again. */
  async commit(): Promise<void> {
    if (this.#state !== "open")
      throw new HubError("CLOSED", `${this.target}: the output is ${this.#state} already`);
    await syncTree(this.workingPath);
    const old = (await exists(this.target)) ? temporaryPath(this.target, "old") : undefined;
    if (old && !this.#force) {
      throw new HubError("OUTPUT_EXISTS", `${this.target} appeared during the run; move it and run again`);
    }
    try {
      if (old) await rename(this.target, old);
      await rename(this.workingPath, this.target);
    } catch (cause) {
      if (old && !(await exists(this.target))) await rename(old, this.target).catch(() => {});
      throw new HubError("WRITE_FAILED", `${this.target}: cannot be put into place (${errorCode(cause)})`, {
        cause,
      });
    }
    this.#state = "committed";
    await syncDirectory(dirname(this.target));
    if (old) await rm(old, { recursive: true, force: true });
  }

  /** Removes what was written. After `commit`, or a second time, it does nothing. */
  async abort(): Promise<void> {
    this.abortSync();
  }

  /** {@link abort} for handlers that cannot wait, e.g. of SIGINT. */
  abortSync(): void {
    if (this.#state !== "open") return;
    this.#state = "aborted";
    removeWithParentsSync(this.workingPath, this.#createdParents);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.abort();
  }
}
