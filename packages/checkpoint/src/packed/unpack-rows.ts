import { CheckpointError } from "../errors.js";
import type { PackedRows, WeightBits } from "./pack-rows.js";
import { keptColumns, type PackedPattern, positionBits, positionColumns } from "./packed-pattern.js";

/** Which rows positions belong to, for the messages of errors. */
export interface RowsOf {
  /** File and tensor. */
  readonly where: string;
  /** Number of the first row; default 0. */
  readonly firstRow?: number;
}

/** Restores rows of `columns` weights from their kept values, as f32 or as bits. Throws as {@link decodePositions} does. */
export function unpackRows<Values extends Float32Array | WeightBits>(
  { values, positions }: PackedRows<Values>,
  columns: number,
  pattern: PackedPattern,
  of: RowsOf,
): Values {
  const places = decodePositions(positions, columns, pattern, of);
  const size = (places.length / pattern.keep) * pattern.of;
  const dense = new (values.constructor as new (length: number) => Values)(size);
  let at = 0;
  for (let start = 0; start < size; start += pattern.of) {
    for (let kept = 0; kept < pattern.keep; kept++, at++) dense[start + places[at]!] = values[at]!;
  }
  return dense;
}

/**
 * The positions of rows of `columns` weights, one a byte.
 *
 * @throws {CheckpointError} `MALFORMED` where they do not ascend in their group, lie outside it, or are followed by bits
 *   that are not zero.
 */
export function decodePositions(
  positions: Uint8Array,
  columns: number,
  pattern: PackedPattern,
  of: RowsOf,
): Uint8Array {
  const { keep } = pattern;
  const [rowBytes, kept] = [positionColumns(pattern, columns), keptColumns(pattern, columns)];
  const rows = positions.length / rowBytes;
  const width = positionBits(pattern);
  const mask = (1 << width) - 1;
  const places = new Uint8Array(rows * kept);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    let [byte, filled, pending] = [row * rowBytes, 0, 0];
    for (let group = 0; group * keep < kept; group++) {
      let previous = -1;
      for (let i = 0; i < keep; i++) {
        if (filled < width) {
          pending |= positions[byte++]! << filled;
          filled += 8;
        }
        const position = pending & mask;
        pending >>= width;
        filled -= width;
        if (position <= previous || position >= pattern.of) {
          throw badPosition(of, row, group, position, position >= pattern.of ? undefined : previous);
        }
        places[at++] = position;
        previous = position;
      }
    }
    if (pending !== 0) {
      throw new CheckpointError(
        "MALFORMED",
        `${of.where}: after the positions of row ${(of.firstRow ?? 0) + row} come bits that are not zero; is it damaged?`,
      );
    }
  }
  return places;
}

function badPosition(of: RowsOf, row: number, group: number, position: number, previous?: number) {
  const why = previous === undefined ? "lies outside its group" : `follows ${previous}, positions ascend`;
  return new CheckpointError(
    "MALFORMED",
    `${of.where}: row ${(of.firstRow ?? 0) + row}, group ${group}: position ${position} ${why}; is it damaged?`,
  );
}
