import type { Sparse24DType } from "@denoise-rotator/core";

/**
 * The arrangement `rows` of a 2:4-sparse W `[out, in]`: stretches of 192 inputs, in each blocks of 16 rows, in each steps of
 * 16 inputs, so that memory is read in order; the last stretch is shorter. What is missing at the ends is zero. Four rows
 * are the lanes of a vector: a product with one token reads whole vectors, one with many reads lane after lane.
 *
 * A step is 32 bytes of codes, then the values. Of rows 4·q…4·q + 3 and kept slot s (0–7: two for every four inputs), byte
 * 8·q + s of the codes holds the four positions, 2 bits each, the first row's lowest. Values are vectors of four rows: f32
 * in the order `[s][q]`; bf16 in pairs `[s / 2][q]`, the even slot in the low half of a lane.
 */
export const rowsForm = {
  name: "rows",
  blockRows: 16,
  /** Vectors of four rows in a block. */
  fours: 4,
  stepInputs: 16,
  slots: 8,
  codeBytes: 32,
  /** Steps of a stretch. They are summed from zero before they join the sum of those before, in every kernel alike. */
  stretch: 12,
} as const;

/** Bytes of one step. */
export const stepBytes = (dtype: Sparse24DType): number =>
  rowsForm.codeBytes + rowsForm.slots * rowsForm.blockRows * (dtype === "f32" ? 4 : 2);

export const stepsOf = (inputs: number): number => Math.ceil(inputs / rowsForm.stepInputs);
export const blocksOf = (rows: number): number => Math.ceil(rows / rowsForm.blockRows);
