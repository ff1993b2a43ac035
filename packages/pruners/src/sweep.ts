/** One block of columns on the host; matrices are row-major. */
export interface SweepBlock {
  /** `[rows, width]`; becomes the pruned weights. */
  readonly weights: Float32Array | Float64Array;
  /** U of the block `[width, width]`. */
  readonly upper: ArrayLike<number>;
  readonly width: number;
  /** `[rows, width]`, 1 = kept. Given, unless `groups` is: then the sweep fills it. */
  readonly mask: Uint8Array;
  /**
   * N:M chosen on the way: of every `of` columns (which divides `width`) the smallest `remove` go, the same in every `rows`
   * rows.
   */
  readonly groups?: ColumnGroups;
}

interface ColumnGroups {
  readonly remove: number;
  readonly of: number;
  readonly rows: number;
}

/**
 * SparseGPT's sweep over the columns of one block (Frantar & Alistarh, arXiv 2301.00774, algorithm 1): every pruned
 * weight leaves the error e = w / U_jj, which is pushed onto the columns to its right in the block. Rows do not depend
 * on each other, but where they share their positions; each is swept in f64. An N:M group is scored when the sweep reaches
 * it, by the weights as they are then.
 *
 * @returns the errors E `[rows, width]`, for the update of the columns after the block.
 */
export function sweepBlock(block: SweepBlock): Float64Array {
  const { weights, upper, width, mask, groups } = block;
  const rows = width === 0 ? 0 : weights.length / width;
  const U = Float64Array.from(upper);
  const together = groups?.rows ?? 1;
  const stretch = groups?.of ?? width;
  const swept = new Float64Array(together * width);
  const errors = new Float64Array(weights.length);
  for (let first = 0; first < rows; first += together) {
    const base = first * width;
    swept.set(weights.subarray(base, base + swept.length));
    const kept = mask.subarray(base, base + swept.length);
    for (let start = 0; start < width; start += stretch) {
      if (groups) chooseGroup(swept, U, kept, width, start, groups);
      for (let r = 0; r < swept.length; r += width) {
        const row = swept.subarray(r, r + width);
        for (let j = start; j < start + stretch; j++) {
          if (kept[r + j] !== 0) continue;
          const error = row[j]! / U[j * width + j]!;
          errors[base + r + j] = error;
          row[j] = 0;
          for (let k = j + 1; k < width; k++) row[k]! -= error * U[j * width + k]!;
        }
      }
    }
    weights.set(swept, base);
  }
  return errors;
}

/**
 * Clears `kept`, of all rows, at the `remove` smallest scores w²/U_jj² of the group at `start`, summed over the rows; among
 * equals the lower index first.
 */
function chooseGroup(
  rows: Float64Array,
  U: Float64Array,
  kept: Uint8Array,
  width: number,
  start: number,
  groups: ColumnGroups,
): void {
  const score = (j: number) => {
    let energy = 0;
    for (let i = j; i < rows.length; i += width) energy += rows[i]! ** 2;
    return energy / U[j * width + j]! ** 2;
  };
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
  for (let r = width; r < rows.length; r += width) kept.copyWithin(r + start, start, start + groups.of);
}
