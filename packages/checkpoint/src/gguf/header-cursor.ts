import type { ByteSource } from "@denoise-rotator/hub";
import { CheckpointError } from "../errors.js";
import { limits } from "../limits.js";

const firstRead = 2 ** 20;

/** Steps through the start of a file, which it reads as far as is asked for and never past its end or the limit. */
export class HeaderCursor {
  readonly file: string;
  /** Of the whole file, in bytes. */
  readonly fileSize: number;
  offset = 0;
  readonly #source: ByteSource;
  #bytes = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);

  constructor(source: ByteSource, fileSize: number) {
    this.file = source.name;
    this.fileSize = fileSize;
    this.#source = source;
  }

  /** Reads on until the next `count` bytes are there; `what` is what they hold. */
  async need(count: number, what: string): Promise<void> {
    const end = this.offset + count;
    if (end <= this.#bytes.length) return;
    if (end > this.fileSize) {
      throw this.malformed(
        `${what} at byte ${this.offset} would end at byte ${end}, the file has ${this.fileSize}; is it truncated?`,
      );
    }
    if (end > limits.ggufHeaderBytes) {
      throw this.limit(`its header is larger than the limit of ${limits.ggufHeaderBytes} bytes`);
    }
    const wanted = Math.max(end, 2 * this.#bytes.length, firstRead);
    const length = Math.min(wanted, this.fileSize, limits.ggufHeaderBytes);
    const bytes = new Uint8Array(length);
    bytes.set(this.#bytes);
    bytes.set(await this.#source.read(this.#bytes.length, length - this.#bytes.length), this.#bytes.length);
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }

  async u32(what: string): Promise<number> {
    await this.need(4, what);
    this.offset += 4;
    return this.#view.getUint32(this.offset - 4, true);
  }

  /** A count of 64 bits, at most `limit`. */
  async count(what: string, limit: number): Promise<number> {
    await this.need(8, what);
    const value = this.#view.getBigUint64(this.offset, true);
    if (value > limit) {
      throw this.limit(`${what} at byte ${this.offset} is ${value}, the limit is ${limit}`);
    }
    this.offset += 8;
    return Number(value);
  }

  /** The next `count` bytes, as they are in memory. */
  async take(count: number, what: string): Promise<Uint8Array> {
    await this.need(count, what);
    this.offset += count;
    return this.#bytes.subarray(this.offset - count, this.offset);
  }

  /** Everything up to the offset. */
  header(): Uint8Array {
    return this.#bytes.subarray(0, this.offset);
  }

  malformed(why: string): CheckpointError {
    return new CheckpointError("MALFORMED", `${this.file}: ${why}`);
  }

  limit(why: string): CheckpointError {
    return new CheckpointError("LIMIT", `${this.file}: ${why}`);
  }
}
