/** One block of columns on the host; matrices are row-major. */
export interface SweepBlock {
  /** `[rows, width]`; becomes the pruned weights. */
  readonly weights: Float32Array | Float64Array;
  /** U of the block `[width, width]`. */
  readonly upper: ArrayLike<number>;
  readonly width: number;
  /** `[rows, width]`, 1 = kept. Given, unless `groups` is: then the sweep fills it. */
  readonly mask: Uint8Array;
  /** N:M chosen on the way: of every `of` columns (which divides `width`) the smallest `remove` go. */
  readonly groups?: { readonly remove: number; readonly of: number };
}

/**
 * SparseGPT's sweep over the columns of one block (Frantar & Alistarh, arXiv 2301.00774, algorithm 1): every pruned
 * weight leaves the error e = w / U_jj, which is pushed onto the columns to its right in the block. Rows do not depend
 * on each other; each is swept in f64. An N:M group is scored when the sweep reaches it, by the weights as they are then.
 *
 * @returns the errors E `[rows, width]`, for the update of the columns after the block.
 */
export function sweepBlock(block: SweepBlock): Float64Array {
  const { weights, upper, width, mask, groups } = block;
  const rows = width === 0 ? 0 : weights.length / width;
  const U = Float64Array.from(upper);
  const row = new Float64Array(width);
  const errors = new Float64Array(weights.length);
  for (let r = 0; r < rows; r++) {
    const base = r * width;
    row.set(weights.subarray(base, base + width));
    const kept = mask.subarray(base, base + width);
    for (let j = 0; j < width; j++) {
      if (groups && j % groups.of === 0) chooseGroup(row, U, kept, j, groups);
      if (kept[j] !== 0) continue;
      const error = row[j]! / U[j * width + j]!;
      errors[base + j] = error;
      row[j] = 0;
      for (let k = j + 1; k < width; k++) row[k]! -= error * U[j * width + k]!;
    }
    weights.set(row, base);
  }
  return errors;
}

/** Clears `kept` at the `remove` smallest scores w²/U_jj² of the group at `start`, among equals the lower index first. */
function chooseGroup(
  row: Float64Array,
  U: Float64Array,
  kept: Uint8Array,
  start: number,
  groups: { readonly remove: number; readonly of: number },
): void {
  const width = row.length;
  const score = (j: number) => row[j]! ** 2 / U[j * width + j]! ** 2;
  kept.fill(1, start, start + groups.of);
  for (let count = 0; count < groups.remove; count++) {
    let least = -1;
    let leastScore = Number.POSITIVE_INFINITY;
    for (let j = start; j < start + groups.of; j++) {
      if (kept[j] === 0) continue;
      const candidate = score(j);
      if (least < 0 || candidate < leastScore) [least, leastScore] = [j, candidate];
    }
    kept[least] = 0;
  }
}
