import { decodeBFloat16, decodeFloat16, encodeBFloat16, encodeFloat16 } from "@denoise-rotator/core";
import type { WeightDType } from "./dtypes.js";
import { CheckpointError } from "./errors.js";

/** Bytes of one element. */
export const weightBytes: Readonly<Record<WeightDType, number>> = { f32: 4, f16: 2, bf16: 2 };

/** Values of little-endian `bytes`; widening is exact. `bytes` must own its buffer's alignment (offset 0). */
export function decodeWeights(dtype: WeightDType, bytes: Uint8Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = bytes;
  if (dtype === "f32") return new Float32Array(buffer, byteOffset, byteLength / 4);
  const halves = new Uint16Array(buffer, byteOffset, byteLength / 2);
  return (dtype === "bf16" ? decodeBFloat16(halves) : decodeFloat16(halves)) as Float32Array<ArrayBuffer>;
}

/** Little-endian bytes of `values`, rounded to nearest even; may share memory with `values`. */
export function encodeWeights(dtype: WeightDType, values: Float32Array): Uint8Array {
  const encoded =
    dtype === "f32" ? values : dtype === "bf16" ? encodeBFloat16(values) : encodeFloat16(values);
  return new Uint8Array(encoded.buffer, encoded.byteOffset, encoded.byteLength);
}

const exponentBits = 0x7f800000;

/** Index of the first NaN or infinity, or −1. */
export function firstNonFinite(values: Float32Array): number {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < words.length; i++) if ((words[i]! & exponentBits) === exponentBits) return i;
  return -1;
}

/** The largest magnitude that rounds to a finite number, exclusive; f32 values beyond it become infinite. */
const overflowFrom: Readonly<Record<WeightDType, number>> = {
  f32: Number.POSITIVE_INFINITY,
  f16: 65520,
  bf16: 2 ** 128 - 2 ** 119,
};

/** Throws a {@link CheckpointError} if a value is not finite, or not finite once stored as `dtype`. */
export function checkStorable(where: string, dtype: WeightDType, values: Float32Array, offset = 0): void {
  const bad = firstNonFinite(values);
  if (bad >= 0) throw nonFiniteError(where, values[bad]!, offset + bad);
  if (dtype === "f32") return;
  const bound = overflowFrom[dtype];
  for (let i = 0; i < values.length; i++) {
    if (Math.abs(values[i]!) < bound) continue;
    throw new CheckpointError(
      "OVERFLOW",
      `${where} holds ${values[i]} at index ${offset + i}, too large for ${dtype}; store it as f32`,
    );
  }
}

export const nonFiniteError = (where: string, value: number, index: number): CheckpointError =>
  new CheckpointError("NON_FINITE", `${where} holds ${value} at index ${index}; its weights must be finite`);
