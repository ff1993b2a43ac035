import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import { syncDirectory } from "./atomic-write.js";
import { HubError } from "./errors.js";
import { errorCode } from "./node-errors.js";

const newline = 0x0a;

/**
 * A file of JSON lines that only grows: what was appended is on the disk when `append` resolves. A last line that a crash
 * cut short counts as never written.
 */
export class AppendLog<T> implements AsyncDisposable {
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #records: T[];
  /** Appends run one after another. */
  #last: Promise<unknown> = Promise.resolve();
  #length: number;

  private constructor(path: string, handle: FileHandle, records: T[], length: number) {
    this.path = path;
    this.#handle = handle;
    this.#records = records;
    this.#length = length;
  }

  /**
   * Opens or starts a log; what it holds is in `records`.
   *
   * @throws {HubError} `WRITE_FAILED` where it cannot be opened, `DAMAGED` naming a line that is no JSON.
   */
  static async open<T>(path: string): Promise<AppendLog<T>> {
    const handle = await open(path, "a+").catch((cause) => {
      throw writeFailed(path, cause);
    });
    try {
      const bytes = await handle.readFile();
      const { records, length } = parse<T>(path, bytes);
      if (length < bytes.length) await handle.truncate(length);
      await handle.sync();
      await syncDirectory(dirname(path));
      return new AppendLog(path, handle, records, length);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** All records, the oldest first. */
  get records(): readonly T[] {
    return this.#records;
  }

  /** @throws {HubError} `WRITE_FAILED`; the record then counts as not written. */
  append(record: T): Promise<void> {
    const written = this.#last.then(() => this.#write(record));
    this.#last = written.catch(() => {});
    return written;
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#handle.close();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #write(record: T): Promise<void> {
    const line = Buffer.from(`${JSON.stringify(record)}\n`);
    try {
      await this.#handle.appendFile(line);
      await this.#handle.datasync();
    } catch (cause) {
      await this.#handle.truncate(this.#length).catch(() => {});
      throw writeFailed(this.path, cause);
    }
    this.#length += line.length;
    this.#records.push(record);
  }
}

/** The records of whole lines and how many bytes they take. */
function parse<T>(path: string, bytes: Uint8Array): { records: T[]; length: number } {
  const records: T[] = [];
  let length = 0;
  for (let number = 1; ; number++) {
    const end = bytes.indexOf(newline, length);
    if (end < 0) return { records, length };
    const line = Buffer.from(bytes.subarray(length, end)).toString("utf8");
    try {
      records.push(JSON.parse(line) as T);
    } catch (cause) {
      // After a power failure the last line may be there by its length only.
      if (bytes.indexOf(newline, end + 1) < 0) return { records, length };
      throw new HubError("DAMAGED", `${path}: line ${number} is no JSON; remove the file and start afresh`, {
        cause,
      });
    }
    length = end + 1;
  }
}

const writeFailed = (path: string, cause: unknown): HubError =>
  new HubError(
    "WRITE_FAILED",
    `${path}: cannot be written (${errorCode(cause)}); is the disk full or read-only?`,
    {
      cause,
    },
  );
