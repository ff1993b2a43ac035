import type { DeviceBuffer } from "@denoise-rotator/core";
import { bufferOf } from "./engine/device-buffer.js";
import type { Engine } from "./engine/engine.js";

/**
 * Writes bytes at any offset. The device writes whole words only: what is left at either end of the range is merged into
 * its word by a kernel, unless it is the end of the buffer, past which nobody looks.
 */
export function writeBytes(
  engine: Engine,
  buffer: DeviceBuffer,
  byteOffset: number,
  bytes: Uint8Array,
): void {
  if (bytes.length === 0) return;
  const end = byteOffset + bytes.length;
  const toEnd = end === bufferOf(buffer).byteLength;
  const from = Math.ceil(byteOffset / 4) * 4;
  const to = toEnd ? Math.ceil(end / 4) * 4 : end - (end % 4);
  if (byteOffset < from) mergeWord(engine, buffer, byteOffset, bytes.subarray(0, from - byteOffset));
  if (to < end && to >= from) mergeWord(engine, buffer, to, bytes.subarray(to - byteOffset));
  if (to > from)
    engine.writeWords(buffer, from, padded(bytes.subarray(from - byteOffset, to - byteOffset), to - from));
}

function padded(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length === length) return bytes;
  const result = new Uint8Array(length);
  result.set(bytes);
  return result;
}

/** Writes bytes within one word. */
function mergeWord(engine: Engine, buffer: DeviceBuffer, byteOffset: number, bytes: Uint8Array): void {
  let mask = 0;
  let bits = 0;
  bytes.forEach((byte, i) => {
    const shift = 8 * ((byteOffset + i) % 4);
    mask |= 0xff << shift;
    bits |= byte << shift;
  });
  engine.dispatch({
    op: "write",
    key: "write",
    bindings: { out: { buffer, access: "read_write" } },
    params: { word: Math.floor(byteOffset / 4), mask: mask >>> 0, bits: bits >>> 0 },
    workgroups: [1, 1, 1],
    code: ({ out }) => `
@compute @workgroup_size(1)
fn main() { ${out}[params.word] = (${out}[params.word] & ~params.mask) | params.bits; }
`,
  });
}
