import { HubError } from "./errors.js";

/** Bytes that are read by ranges: a file, an address that answers range requests, or memory. */
export interface ByteSource {
  /** What error messages call it: a path or an address. */
  readonly name: string;
  /** Length in bytes. */
  size(): Promise<number>;
  /**
   * Exactly `length` bytes from `offset` on, in memory of the caller's own.
   * @throws {HubError} `OUT_OF_RANGE` before anything is allocated, `READ_FAILED` if fewer bytes arrive.
   */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Makes a later read of these bytes fast, where it can: of a file, by having the system read them into its cache. Holds a
   * few megabytes while it runs, and changes nothing else. Rejects when `signal` aborts.
   */
  prefetch?(offset: number, length: number, signal?: AbortSignal): Promise<void>;
  /** Gives up the handle; reading afterwards is an error, closing twice is not. */
  close(): Promise<void>;
}

/** Throws unless `[offset, offset + length)` lies within `size` bytes. */
export function checkRange(name: string, size: number, offset: number, length: number): void {
  if (Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0) {
    if (offset + length <= size) return;
  }
  throw new HubError(
    "OUT_OF_RANGE",
    `${name}: cannot read ${length} bytes at offset ${offset}, it holds ${size} bytes; is it truncated?`,
  );
}

export const closedError = (name: string): HubError => new HubError("CLOSED", `${name} is already closed`);
