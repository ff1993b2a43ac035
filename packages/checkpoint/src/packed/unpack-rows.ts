import { CheckpointError } from "../errors.js";
import type { PackedRows, WeightBits } from "./pack-rows.js";
import {
  blockRows,
  keptColumns,
  type PackedPattern,
  positionBits,
  positionColumns,
  positionRow,
} from "./packed-pattern.js";

/** Which rows positions belong to, for the messages of errors. */
export interface RowsOf {
  /** File and tensor. */
  readonly where: string;
  /** Number of the first row; default 0. */
  readonly firstRow?: number;
}

/**
 * Restores rows of `columns` weights from their kept values, as f32 or as bits. Where rows share their positions, these are
 * from the block of the first row on. Throws as {@link decodePositions} does.
 */
export function unpackRows<Values extends Float32Array | WeightBits>(
  { values, positions }: PackedRows<Values>,
  columns: number,
  pattern: PackedPattern,
  of: RowsOf,
): Values {
  const places = decodePositions(positions, columns, pattern, of);
  const kept = keptColumns(pattern, columns);
  const rows = kept === 0 ? 0 : values.length / kept;
  const before = (of.firstRow ?? 0) % blockRows(pattern);
  const dense = new (values.constructor as new (length: number) => Values)(rows * columns);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    let place = positionRow(pattern, before + row) * kept;
    for (let start = row * columns; start < (row + 1) * columns; start += pattern.of) {
      for (let i = 0; i < pattern.keep; i++) dense[start + places[place++]!] = values[at++]!;
    }
  }
  return dense;
}

/**
 * The positions of rows of `columns` weights, one a byte; of rows that share them, from the block of the first row on.
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
          throw badPosition(
            of,
            numberOf(of, pattern, row),
            group,
            position,
            position >= pattern.of ? undefined : previous,
          );
        }
        places[at++] = position;
        previous = position;
      }
    }
    if (pending !== 0) {
      throw new CheckpointError(
        "MALFORMED",
        `${of.where}: after the positions of row ${numberOf(of, pattern, row)} come bits that are not zero; is it damaged?`,
      );
    }
  }
  return places;
}

/** The first row of weights that has a row of positions. */
const numberOf = ({ firstRow = 0 }: RowsOf, pattern: PackedPattern, row: number): number =>
  (positionRow(pattern, firstRow) + row) * blockRows(pattern);

function badPosition(of: RowsOf, row: number, group: number, position: number, previous?: number) {
  const why = previous === undefined ? "lies outside its group" : `follows ${previous}, positions ascend`;
  return new CheckpointError(
    "MALFORMED",
    `${of.where}: row ${row}, group ${group}: position ${position} ${why}; is it damaged?`,
  );
}
