import { type Sparse24Parts, type Sparse24Words, shareSparse24 } from "@denoise-rotator/core";
import {
  blocksOf,
  ownCodes,
  rowsForm,
  type Sparse24Arrangement,
  sharedByFour,
  sharedBySixteen,
  stepBytes,
  stepsOf,
} from "../emit/sparse24-form.js";

const { blockRows, fours, stretch } = rowsForm;

/** Of every byte its four positions, each in `bits` bits. */
const spread = (bits: number): Int32Array =>
  Int32Array.from({ length: 256 }, (_, byte) =>
    [0, 1, 2, 3].reduce((word, slot) => word | (((byte >> (2 * slot)) & 3) << (bits * slot)), 0),
  );
const inBytes = spread(8);
const inHalves = spread(4);

/**
 * Weights in the arrangement {@link rowsForm}. Rows that share their positions by fours or sixteens, told or found out, have
 * kernels of their own; others are stored one by one.
 */
export function arrangeRows(parts: Sparse24Parts): Sparse24Words {
  for (const arrangement of [sharedBySixteen, sharedByFour]) {
    const shared = sharing(parts, arrangement.codeRows);
    if (shared) return arrange(shared, arrangement);
  }
  return arrange(parts, ownCodes);
}

function sharing(parts: Sparse24Parts, rows: number): Sparse24Parts | undefined {
  const { rowsPerPattern = 1 } = parts;
  if (rowsPerPattern === 1) return shareSparse24(parts, rows);
  return rowsPerPattern % rows === 0 ? parts : undefined;
}

function arrange(
  { shape, values, positions, rowsPerPattern = 1 }: Sparse24Parts,
  arrangement: Sparse24Arrangement,
) {
  const [out, inputs] = shape;
  const { codeBytes, codeRows } = arrangement;
  const isF32 = values instanceof Float32Array;
  const stepWords = stepBytes(isF32 ? "f32" : "bf16", arrangement) / 4;
  const steps = stepsOf(inputs);
  const words = new Int32Array(blocksOf(out) * steps * stepWords);
  const bits = isF32 ? new Int32Array(values.buffer, values.byteOffset, values.length) : values;
  const blocks = blocksOf(out);
  for (let row = 0; row < out; row++) {
    const place = row % blockRows;
    const [four, lane] = [place >> 2, place & 3];
    const block = Math.floor(row / blockRows);
    const kept = (row * inputs) / 2;
    const codes = (Math.floor(row / rowsPerPattern) * inputs) / 8;
    // Eight inputs, that is four kept weights and a byte of positions, are half a step.
    for (let eight = 0; eight < inputs / 8; eight++) {
      const half = eight & 1;
      const first = Math.floor(eight / 2 / stretch) * stretch;
      const step =
        (first * blocks + block * Math.min(stretch, steps - first) + (eight >> 1) - first) * stepWords;
      const code = positions[codes + eight]!;
      if (codeRows === 1) words[step + 2 * four + half]! |= inBytes[code]! << (2 * lane);
      else words[step + four]! |= inHalves[code]! << (16 * half);
      const from = kept + 4 * eight;
      const to = step + codeBytes / 4 + 4 * four + lane;
      if (isF32) {
        for (let slot = 0; slot < 4; slot++) words[to + 4 * fours * (4 * half + slot)] = bits[from + slot]!;
      } else {
        for (let pair = 0; pair < 2; pair++) {
          words[to + 4 * fours * (2 * half + pair)] =
            bits[from + 2 * pair]! | (bits[from + 2 * pair + 1]! << 16);
        }
      }
    }
  }
  return { words, arrangement: arrangement.name };
}
