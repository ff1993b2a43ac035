import { createHash, type Hash, randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { isRunning } from "../process-alive.js";
import { blobHash } from "./blob-hash.js";

/** A partial file that nobody has touched for so long belongs to nobody. */
const abandonedAfter = 60_000;
const heartbeat = 15_000;

const host = createHash("sha256").update(hostname()).digest("hex").slice(0, 8);
/** `<etag>.<host>-<pid>-<random>.incomplete`: being filled by a process of that host. */
const owned = /\.([0-9a-f]{8})-(\d+)-[0-9a-f]+\.incomplete$/;

/**
 * The part of a blob that has arrived, in a file that belongs to this process alone; the Python client likewise writes to a
 * name of its own and renames at the end, so processes cannot mix their bytes. What is left is given back under a free name and
 * taken up by whoever comes next.
 */
export class PartialFile {
  readonly #blob: string;
  readonly #size: number;
  readonly #etag: string;
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #beat: NodeJS.Timeout;
  #hash: Hash;
  #length = 0;

  private constructor(blob: string, size: number, path: string, handle: FileHandle) {
    this.#blob = blob;
    this.#size = size;
    this.#etag = basename(blob);
    this.#path = path;
    this.#handle = handle;
    this.#hash = blobHash(this.#etag, size);
    this.#beat = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => {}), heartbeat);
    this.#beat.unref();
  }

  /**
   * Takes up what is left of a blob's download, or begins anew. Undefined while another process is at it.
   * @param blob path the complete blob will have; its name is the checksum.
   */
  static async claim(blob: string, size: number): Promise<PartialFile | undefined> {
    await mkdir(dirname(blob), { recursive: true });
    const path = `${blob}.${host}-${process.pid}-${randomBytes(4).toString("hex")}.incomplete`;
    for (const candidate of await partialsOf(blob)) {
      if (await isBusy(candidate)) return undefined;
      try {
        await rename(candidate, path);
      } catch {
        continue; // someone else was faster
      }
      const now = new Date();
      await utimes(path, now, now);
      const handle = await open(path, "r+");
      const partial = new PartialFile(blob, size, path, handle);
      await partial.#takeUp();
      return partial;
    }
    return new PartialFile(blob, size, path, await open(path, "wx+"));
  }

  /** Bytes that are there. */
  get length(): number {
    return this.#length;
  }

  async append(bytes: Uint8Array): Promise<void> {
    for (let written = 0; written < bytes.length; ) {
      const { bytesWritten } = await this.#handle.write(bytes, written, undefined, this.#length + written);
      written += bytesWritten;
    }
    this.#hash.update(bytes);
    this.#length += bytes.length;
  }

  /** Forgets what is there. */
  async restart(): Promise<void> {
    await this.#handle.truncate(0);
    this.#hash = blobHash(this.#etag, this.#size);
    this.#length = 0;
  }

  /** Whether what is there is the whole blob, by length and checksum. */
  isComplete(): boolean {
    return this.#length === this.#size && this.#hash.copy().digest("hex") === this.#etag;
  }

  /** Flushes the file and gives it the blob's name; other parts of the blob that nobody is at are removed. */
  async finish(): Promise<void> {
    await this.#handle.sync();
    await this.#close();
    await rename(this.#path, this.#blob);
    for (const left of await partialsOf(this.#blob)) {
      if (!(await isBusy(left))) await rm(left, { force: true });
    }
  }

  /** Leaves what is there to whoever comes next; after `finish` it does nothing. */
  async release(): Promise<void> {
    await this.#close();
    if (this.#length === 0) await rm(this.#path, { force: true });
    else await rename(this.#path, `${this.#blob}.free.incomplete`).catch(() => {});
  }

  async #close(): Promise<void> {
    clearInterval(this.#beat);
    await this.#handle.close();
  }

  /** Reads what was left through the checksum. */
  async #takeUp(): Promise<void> {
    const { size } = await this.#handle.stat();
    if (size > this.#size) return this.restart();
    const chunk = new Uint8Array(2 ** 20);
    while (this.#length < size) {
      const { bytesRead } = await this.#handle.read(chunk, 0, chunk.length, this.#length);
      if (bytesRead === 0) break;
      this.#hash.update(chunk.subarray(0, bytesRead));
      this.#length += bytesRead;
    }
  }
}

/** Whether a process is at a partial file: a living one of this host, or one elsewhere that wrote a moment ago. */
async function isBusy(path: string): Promise<boolean> {
  if (path.endsWith(".free.incomplete")) return false;
  const stats = await stat(path).catch(() => undefined);
  if (!stats || Date.now() - stats.mtimeMs > abandonedAfter) return false;
  const [, where, pid] = owned.exec(path) ?? [];
  return where !== host || isRunning(Number(pid));
}

/** Partial files of a blob, of this project and of the Python client, the longest first. */
async function partialsOf(blob: string): Promise<string[]> {
  const start = `${basename(blob)}.`;
  const names = await readdir(dirname(blob));
  const found = await Promise.all(
    names
      .filter((name) => name.startsWith(start) && name.endsWith(".incomplete"))
      .map(async (name) => {
        const path = join(dirname(blob), name);
        return { path, size: (await stat(path).catch(() => undefined))?.size ?? 0 };
      }),
  );
  return found.sort((a, b) => b.size - a.size).map(({ path }) => path);
}
