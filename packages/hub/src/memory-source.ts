import { type ByteSource, checkRange, closedError } from "./byte-source.js";

/** A source over bytes in memory; reads are copies. */
export function memorySource(bytes: Uint8Array, name = "memory"): ByteSource {
  let closed = false;
  return {
    name,
    size: async () => bytes.byteLength,
    async read(offset, length) {
      if (closed) throw closedError(name);
      checkRange(name, bytes.byteLength, offset, length);
      return new Uint8Array(bytes.subarray(offset, offset + length));
    },
    async close() {
      closed = true;
    },
  };
}
