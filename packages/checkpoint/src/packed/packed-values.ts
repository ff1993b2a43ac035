import type { WeightDType } from "../dtypes.js";
import { decodeWeights, firstNonFinite, nonFiniteError } from "../weight-codec.js";
import type { PackedRows } from "./pack-rows.js";
import type { PackedPattern } from "./packed-pattern.js";

/** Rows of a weight as they are stored packed; values as f32, or as the bits of bf16. */
export interface PackedWeightRows extends PackedRows<Float32Array | Uint16Array> {
  readonly pattern: PackedPattern;
}

/** Kept values from their bytes: bf16 stays as it is, f16 becomes f32. NaN and infinity are errors. */
export function decodePackedValues(
  where: string,
  dtype: WeightDType,
  bytes: Uint8Array<ArrayBuffer>,
  offset: number,
): Float32Array | Uint16Array {
  if (dtype !== "bf16") {
    const values = decodeWeights(dtype, bytes);
    const bad = firstNonFinite(values);
    if (bad >= 0) throw nonFiniteError(`${where}: its kept values`, values[bad]!, offset + bad);
    return values;
  }
  const bits = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
  const bad = bits.findIndex((value) => (value & 0x7f80) === 0x7f80);
  if (bad >= 0) {
    const [value] = decodeWeights(dtype, bytes.slice(2 * bad, 2 * bad + 2));
    throw nonFiniteError(`${where}: its kept values`, value!, offset + bad);
  }
  return bits;
}
