import type { Sparse24Parts, Sparse24Words } from "@denoise-rotator/core";
import { blocksOf, rowsForm, stepBytes, stepsOf } from "../emit/sparse24-form.js";

const { blockRows, codeBytes, fours, stretch } = rowsForm;

/** Four positions of 2 bits, each in a byte of its own. */
const spread = Int32Array.from(
  { length: 256 },
  (_, byte) => (byte & 3) | ((byte & 12) << 6) | ((byte & 48) << 12) | ((byte & 192) << 18),
);

/** Weights in the arrangement {@link rowsForm}. */
export function arrangeRows({ shape, values, positions }: Sparse24Parts): Sparse24Words {
  const [out, inputs] = shape;
  const isF32 = values instanceof Float32Array;
  const stepWords = stepBytes(isF32 ? "f32" : "bf16") / 4;
  const steps = stepsOf(inputs);
  const words = new Int32Array(blocksOf(out) * steps * stepWords);
  const bits = isF32 ? new Int32Array(values.buffer, values.byteOffset, values.length) : values;
  const blocks = blocksOf(out);
  for (let row = 0; row < out; row++) {
    const place = row % blockRows;
    const [four, lane] = [place >> 2, place & 3];
    const block = Math.floor(row / blockRows);
    const kept = (row * inputs) / 2;
    // Eight inputs, that is four kept weights and a byte of positions, are half a step.
    for (let eight = 0; eight < inputs / 8; eight++) {
      const half = eight & 1;
      const first = Math.floor(eight / 2 / stretch) * stretch;
      const step =
        (first * blocks + block * Math.min(stretch, steps - first) + (eight >> 1) - first) * stepWords;
      words[step + 2 * four + half]! |= spread[positions[kept / 4 + eight]!]! << (2 * lane);
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
  return { words, arrangement: rowsForm.name };
}
