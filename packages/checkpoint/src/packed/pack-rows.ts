import { CheckpointError } from "../errors.js";
import {
  blockRows,
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
  /**
   * `[rows, ⌈in · N / M · bits / 8⌉]`: where in its group each stands, ascending, lowest bits first. Where rows share their
   * positions, one row of a block.
   */
  readonly positions: Uint8Array;
}

/**
 * Why rows cannot be packed: the group of `of` weights from `index` on has too many that are not +0; where rows share their
 * positions, together with those of the block's other rows.
 */
export interface Unpackable {
  readonly index: number;
  /** Whether its values would fit if −0 were +0. */
  readonly negativeZero: boolean;
}

/** The bits of −0. */
const negativeZero = (bits: WeightBits): number => (bits.BYTES_PER_ELEMENT === 2 ? 0x8000 : 0x80000000);

/**
 * Packs rows of `columns` weights, given by their bits. Only +0 is left out, so that unpacking restores every bit. A group
 * with fewer than N others keeps its first zeros besides: the same weights give the same bytes. Of rows that share their
 * positions those are kept at which any has a weight; whole blocks.
 */
export function packRows(
  bits: WeightBits,
  columns: number,
  pattern: PackedPattern,
): PackedRows | { readonly unpackable: Unpackable } {
  const { keep, of } = pattern;
  const height = blockRows(pattern);
  const rows = columns === 0 ? 0 : bits.length / columns;
  const Bits = bits.constructor as new (length: number) => WeightBits;
  const kept = keptColumns(pattern, columns);
  const values = new Bits(rows * kept);
  const [width, rowBytes] = [positionBits(pattern), positionColumns(pattern, columns)];
  const positions = new Uint8Array((rows / height) * rowBytes);
  for (let row = 0; row < rows; row += height) {
    let [byte, filled, pending] = [(row / height) * rowBytes, 0, 0];
    let at = row * kept;
    for (let start = row * columns; start < (row + 1) * columns; start += of) {
      let [nonzero, spare] = [0, keep];
      for (let i = 0; i < of; i++) {
        let any = 0;
        for (let other = 0; other < height; other++) any |= bits[start + other * columns + i]!;
        if (any === 0) continue;
        nonzero |= 1 << i;
        spare--;
      }
      if (spare < 0) return { unpackable: unpackable(bits, start, columns, pattern) };
      for (let i = 0; i < of; i++) {
        if (((nonzero >> i) & 1) === 0 && --spare < 0) continue;
        for (let other = 0; other < height; other++) {
          values[at + other * kept] = bits[start + other * columns + i]!;
        }
        at++;
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

function unpackable(bits: WeightBits, index: number, columns: number, pattern: PackedPattern): Unpackable {
  const zero = negativeZero(bits);
  const needed = Array.from({ length: pattern.of }, (_, i) =>
    Array.from({ length: blockRows(pattern) }, (_, row) => bits[index + row * columns + i]!).some(
      (value) => value !== 0 && value !== zero,
    ),
  );
  return { index, negativeZero: needed.filter(Boolean).length <= pattern.keep };
}

/** The error for weights that cannot be packed; `offset` is the index of the first of them in the tensor. */
export function unpackableError(
  where: string,
  { index, negativeZero }: Unpackable,
  pattern: PackedPattern,
  offset = 0,
): CheckpointError {
  const below = blockRows(pattern) === 1 ? "" : ` and those below them in ${blockRows(pattern)} rows`;
  const place = `${where}: the ${pattern.of} weights from index ${offset + index} on${below}`;
  return new CheckpointError(
    "PATTERN",
    negativeZero
      ? `${place} hold −0, which packed storage would lose; make it 0`
      : `${place} have more than ${pattern.keep} that are not zero, so they are not ${formatPackedPattern(pattern)}; prune it, or store it plain`,
  );
}
