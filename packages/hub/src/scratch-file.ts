import { closeSync, ftruncateSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { join, resolve } from "node:path";
import { HubError } from "./errors.js";
import { errorCode } from "./node-errors.js";
import { temporaryPath } from "./temporary-path.js";

/** Node reads and writes at most 2³¹ − 1 bytes at once. */
const bytesAtOnce = 2 ** 30;

/** Where bytes lie in a {@link ScratchFile}. */
export interface ScratchExtent {
  readonly offset: number;
  readonly bytes: number;
}

/**
 * Bytes of a run that do not fit in memory, in a file without a name: it is unlinked as soon as it is open, so that nothing
 * is left of it however the process ends. Extents that are freed are used again. Reads and writes are synchronous.
 */
export class ScratchFile {
  readonly #directory: string;
  readonly #descriptor: number;
  /** Offsets of freed extents, by their size. */
  readonly #free = new Map<number, number[]>();
  #end = 0;
  #used = 0;
  #removal: (() => void) | undefined;
  #open = true;

  /** @throws {HubError} `NOT_WRITABLE`, naming the directory. */
  constructor(directory: string) {
    this.#directory = resolve(directory);
    const path = temporaryPath(join(this.#directory, "scratch"));
    try {
      this.#descriptor = openSync(path, "wx+", 0o600);
    } catch (cause) {
      throw new HubError(
        "NOT_WRITABLE",
        `${this.#directory}: no temporary file can be made there (${errorCode(cause)}); choose another folder for scratch files`,
        { cause },
      );
    }
    try {
      rmSync(path);
    } catch {
      // A system that keeps names of open files: at the end then.
      this.#removal = () => rmSync(path, { force: true });
      process.once("exit", this.#removal);
    }
  }

  /** Bytes that extents take at present. */
  get used(): number {
    return this.#used;
  }

  /** Writes bytes to a place of their own. @throws {HubError} `WRITE_FAILED`, naming the directory. */
  write(bytes: Uint8Array): ScratchExtent {
    this.#checkOpen();
    const size = bytes.byteLength;
    const offset = this.#free.get(size)?.pop() ?? this.#end;
    let written = 0;
    try {
      while (written < size) {
        const count = Math.min(size - written, bytesAtOnce);
        written += writeSync(this.#descriptor, bytes, written, count, offset + written);
      }
    } catch (cause) {
      throw new HubError(
        "WRITE_FAILED",
        `${this.#directory}: ${size} bytes cannot be written to a temporary file (${errorCode(cause)}); ` +
          "free space there or choose another folder for scratch files",
        { cause },
      );
    }
    this.#end = Math.max(this.#end, offset + size);
    this.#used += size;
    return { offset, bytes: size };
  }

  /** Fills `into` from byte `begin` of an extent on. @throws {HubError} `READ_FAILED`. */
  read(extent: ScratchExtent, begin: number, into: Uint8Array): void {
    this.#checkOpen();
    let filled = 0;
    try {
      while (filled < into.byteLength) {
        const count = Math.min(into.byteLength - filled, bytesAtOnce);
        const position = extent.offset + begin + filled;
        const read = readSync(this.#descriptor, into, filled, count, position);
        if (read === 0) throw new Error(`it ended at ${position}`);
        filled += read;
      }
    } catch (cause) {
      throw new HubError("READ_FAILED", `${this.#directory}: reading a temporary file back failed`, {
        cause,
      });
    }
  }

  /** Gives an extent's place to others; with the last one the disk gets the space back. */
  free({ offset, bytes }: ScratchExtent): void {
    if (!this.#open) return;
    this.#used -= bytes;
    if (this.#used === 0) {
      this.#free.clear();
      this.#end = 0;
      ftruncateSync(this.#descriptor, 0);
      return;
    }
    const offsets = this.#free.get(bytes);
    if (offsets) offsets.push(offset);
    else this.#free.set(bytes, [offset]);
  }

  /** Gives the space back. Twice does nothing. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#descriptor);
    if (!this.#removal) return;
    this.#removal();
    process.off("exit", this.#removal);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #checkOpen(): void {
    if (!this.#open) throw new HubError("CLOSED", `${this.#directory}: the temporary file is closed already`);
  }
}
