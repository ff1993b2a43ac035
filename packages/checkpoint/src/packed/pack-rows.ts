import { CheckpointError } from "../errors.js";
import {
  formatPackedPattern,
  keptColumns,
  type PackedPattern,
  positionBits,
  positionColumns,
} from "./packed-pattern.js";

/** The bits of weights as they are stored: f32, or f16 and bf16. */
export type WeightBits = Uint16Array | Uint32Array;

/** Rows of a weight by their kept values. */
export interface PackedRows<Values = WeightBits> {
  /** `[rows, in · N / M]`, in the order of the row. */
  readonly values: Values;
  /** `[rows, ⌈in · N / M · bits / 8⌉]`: where in its group each stands, ascending, lowest bits first. */
  readonly positions: Uint8Array;
}

/** Why rows cannot be packed: the group of `of` weights from `index` on has too many that are not +0. */
export interface Unpackable {
  readonly index: number;
  /** Whether its values would fit if −0 were +0. */
  readonly negativeZero: boolean;
}

/** The bits of −0. */
const negativeZero = (bits: WeightBits): number => (bits.BYTES_PER_ELEMENT === 2 ? 0x8000 : 0x80000000);

/**
 * Packs rows of `columns` weights, given by their bits. Only +0 is left out, so that unpacking restores every bit. A group
 * with fewer than N others keeps its first zeros besides: the same weights give the same bytes.
 */
export function packRows(
  bits: WeightBits,
  columns: number,
  pattern: PackedPattern,
): PackedRows | { readonly unpackable: Unpackable } {
  const { keep, of } = pattern;
  const rows = columns === 0 ? 0 : bits.length / columns;
  const Bits = bits.constructor as new (length: number) => WeightBits;
  const values = new Bits(rows * keptColumns(pattern, columns));
  const [width, rowBytes] = [positionBits(pattern), positionColumns(pattern, columns)];
  const positions = new Uint8Array(rows * rowBytes);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    let [byte, filled, pending] = [row * rowBytes, 0, 0];
    for (let start = row * columns; start < (row + 1) * columns; start += of) {
      let spare = keep;
      for (let i = 0; i < of; i++) if (bits[start + i] !== 0) spare--;
      if (spare < 0) return { unpackable: unpackable(bits, start, pattern) };
      for (let i = 0; i < of; i++) {
        const value = bits[start + i]!;
        if (value === 0 && --spare < 0) continue;
        values[at++] = value;
        pending |= i << filled;
        for (filled += width; filled >= 8; filled -= 8) {
          positions[byte++] = pending;
          pending >>= 8;
        }
      }
    }
    if (filled > 0) positions[byte] = pending;
  }
  return { values, positions };
}

function unpackable(bits: WeightBits, index: number, { keep, of }: PackedPattern): Unpackable {
  const group = bits.subarray(index, index + of);
  const zero = negativeZero(bits);
  return { index, negativeZero: group.filter((value) => value !== 0 && value !== zero).length <= keep };
}

/** The error for weights that cannot be packed; `offset` is the index of the first of them in the tensor. */
export function unpackableError(
  where: string,
  { index, negativeZero }: Unpackable,
  pattern: PackedPattern,
  offset = 0,
): CheckpointError {
  const place = `${where}: the ${pattern.of} weights from index ${offset + index} on`;
  return new CheckpointError(
    "PATTERN",
    negativeZero
      ? `${place} hold −0, which packed storage would lose; make it 0`
      : `${place} have more than ${pattern.keep} that are not zero, so they are not ${formatPackedPattern(pattern)}; prune it, or store it plain`,
  );
}
