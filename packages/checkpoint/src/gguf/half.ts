import { decodeFloat16 } from "@denoise-rotator/core";

/** The f32 values of all 65536 halves, made when first asked for. */
let halves: Float32Array | undefined;

/** The f16 at `bytes[at]`. */
export function half(bytes: Uint8Array, at: number): number {
  halves ??= decodeFloat16(Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits)) as Float32Array;
  return halves[bytes[at]! | (bytes[at + 1]! << 8)]!;
}
