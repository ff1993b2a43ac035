import type { Sparse24DType } from "@denoise-rotator/core";

/**
 * The arrangement of a 2:4-sparse W `[out, in]`: stretches of 192 inputs, in each blocks of 16 rows, in each steps of
 * 16 inputs, so that memory is read in order; the last stretch is shorter. What is missing at the ends is zero. Four rows
 * are the lanes of a vector: a product with one token reads whole vectors, one with many reads lane after lane.
 *
 * A step is codes, then the values: vectors of four rows q, of kept slots s (0–7: two for every four inputs). f32 come
 * in the order `[s][q]`; bf16 in pairs `[s / 2][q]`, the even slot in the low half of a lane. Codes are those of a
 * {@link Sparse24Arrangement}.
 */
export const rowsForm = {
  blockRows: 16,
  /** Vectors of four rows in a block. */
  fours: 4,
  stepInputs: 16,
  slots: 8,
  /** Steps of a stretch. They are summed from zero before they join the sum of those before, in every kernel alike. */
  stretch: 12,
} as const;

/** How codes lie in a step. */
export interface Sparse24Arrangement {
  readonly name: string;
  /** Rows that share their positions, whole blocks of W at a time. */
  readonly codeRows: 1 | 4 | 16;
  readonly codeBytes: 32 | 16;
  /** In the names of kernels that tell whether positions are shared, not by how many. */
  readonly kind: "" | "Shared";
}

/** Of rows 4·q…4·q + 3 and slot s, byte 8·q + s holds the four positions, 2 bits each, the first row's lowest. */
export const ownCodes: Sparse24Arrangement = { name: "rows", codeRows: 1, codeBytes: 32, kind: "" };

/** Of rows 4·q…4·q + 3 and slot s, bits 4·s and 4·s + 1 of word q are the position. */
export const sharedByFour: Sparse24Arrangement = {
  ...{ name: "rows by 4", codeRows: 4, codeBytes: 16, kind: "Shared" },
};

/** As {@link sharedByFour}, the four words equal. */
export const sharedBySixteen: Sparse24Arrangement = { ...sharedByFour, name: "rows by 16", codeRows: 16 };

export const arrangements = [ownCodes, sharedByFour, sharedBySixteen] as const;

/** Bytes of one step. */
export const stepBytes = (dtype: Sparse24DType, { codeBytes } = ownCodes): number =>
  codeBytes + rowsForm.slots * rowsForm.blockRows * (dtype === "f32" ? 4 : 2);

export const stepsOf = (inputs: number): number => Math.ceil(inputs / rowsForm.stepInputs);
export const blocksOf = (rows: number): number => Math.ceil(rows / rowsForm.blockRows);
