import { constants } from "node:fs";
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, symlink } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { atomicWriteFile } from "../atomic-write.js";
import { HubError } from "../errors.js";
import { errorCode } from "../node-errors.js";
import { temporaryPath } from "../temporary-path.js";
import type { RepositoryType } from "./hub-name.js";

const commitForm = /^[0-9a-f]{40}$/;
export const isCommit = (text: unknown): text is string => typeof text === "string" && commitForm.test(text);

/** The commit that a path inside the cache belongs to; undefined for other paths. */
export const snapshotCommit = (path: string): string | undefined =>
  /[/\\](?:models|datasets)--[^/\\]+[/\\]snapshots[/\\]([0-9a-f]{40})(?:[/\\]|$)/.exec(path)?.[1];

/**
 * What the machine's Hugging Face cache holds of one repository: `refs/<revision>` names a commit,
 * `snapshots/<commit>/<path>` is a link to `blobs/<checksum>`. The Python client reads and writes the same.
 */
export class RepositoryCache {
  /** Absolute path of the repository's folder. */
  readonly folder: string;

  constructor(cacheDirectory: string, type: RepositoryType, repository: string) {
    this.folder = join(cacheDirectory, [`${type}s`, ...repository.split("/")].join("--"));
  }

  get blobs(): string {
    return join(this.folder, "blobs");
  }
  snapshot(commit: string): string {
    return join(this.folder, "snapshots", commit);
  }

  /** The commit a revision had when it was last looked up. */
  async commitOf(revision: string): Promise<string | undefined> {
    const text = await readFile(join(this.folder, "refs", revision), "utf8").catch(() => undefined);
    const commit = text?.trim();
    return isCommit(commit) ? commit : undefined;
  }

  /** Notes the commit of a revision; a cache that may not be written stays as it is. */
  async noteCommit(revision: string, commit: string): Promise<void> {
    if (revision === commit || (await this.commitOf(revision)) === commit) return;
    const path = join(this.folder, "refs", revision);
    try {
      await mkdir(dirname(path), { recursive: true });
      await atomicWriteFile(path, commit);
    } catch (error) {
      if (!/EROFS|EACCES|EPERM/.test(String(error))) throw error;
    }
  }

  /** Local path and size of a file of a commit; undefined if it is not there. */
  async find(commit: string, path: string): Promise<{ path: string; size: number } | undefined> {
    const local = join(this.snapshot(commit), path);
    const stats = await stat(local).catch(() => undefined);
    return stats?.isFile() ? { path: local, size: stats.size } : undefined;
  }

  /** The files of a folder of a commit that are there, with their sizes. */
  async list(commit: string, folder = ""): Promise<{ path: string; size: number }[]> {
    const found: { path: string; size: number }[] = [];
    for (const name of await readdir(join(this.snapshot(commit), folder)).catch(() => [])) {
      const path = folder ? `${folder}/${name}` : name;
      const file = await this.find(commit, path);
      if (file) found.push({ path, size: file.size });
    }
    return found;
  }

  /** Makes `snapshots/<commit>/<path>` a relative link to a blob, or a copy where the system has no links. */
  async link(blob: string, commit: string, path: string): Promise<string> {
    const target = join(this.snapshot(commit), path);
    const fresh = temporaryPath(target);
    try {
      await mkdir(dirname(target), { recursive: true });
      await symlink(relative(dirname(target), blob), fresh).catch(async (error: unknown) => {
        if (!/EPERM|ENOTSUP|ENOSYS/.test(errorCode(error))) throw error;
        await copyFile(blob, fresh, constants.COPYFILE_FICLONE);
      });
      await rename(fresh, target);
    } catch (cause) {
      await rm(fresh, { force: true });
      throw new HubError("WRITE_FAILED", `${target}: cannot be made (${errorCode(cause)})`, { cause });
    }
    return target;
  }
}
