import { type SparsityPattern, sharedRows } from "@denoise-rotator/contracts";
import { logicalNot, smallest, smallestInBlocks, type Tensor, tidy } from "@denoise-rotator/core";

/** Which weights compete where a share of them goes: all of the matrix, or those of each row. */
export type ComparisonGroup = "matrix" | "row";

/**
 * How many of `size` competing weights a share of `sparsity` removes: floor(sparsity · size), with the share taken for
 * the decimal it was written as (0.29 of 100 is 29, although 0.29 · 100 falls short of it in binary).
 */
export const removedCount = (sparsity: number, size: number): number =>
  Math.floor(sparsity * size + 1e-12 * size);

/**
 * The weights to keep (bool, true) by `scores` `[out, in]`: the exact count with the smallest scores goes, among equals
 * the lower index first. N:M compares every M consecutive inputs, of the sums over rows that share their positions.
 */
export function keepLargest(scores: Tensor, pattern: SparsityPattern, group: ComparisonGroup): Tensor {
  return tidy(() => {
    if (pattern.kind === "n:m") {
      const removed = { group: pattern.of, count: pattern.of - pattern.keep, shared: sharedRows(pattern) };
      return logicalNot(smallestInBlocks(scores, removed));
    }
    const competing = group === "matrix" ? scores.reshape([1, scores.size]) : scores;
    const count = removedCount(pattern.sparsity, competing.shape[1]!);
    return logicalNot(smallest(competing, { count })).reshape(scores.shape);
  });
}

/**
 * Whether a mask `[out, in]` (on the host, 0 = pruned) obeys `pattern`. N:M: exactly N kept in every M inputs, the same in
 * rows that share their positions.
 * Unstructured: no more removed than the share asks, and short of it by less than rounding down in every row or in
 * every column can explain.
 */
export function maskObeys(mask: ArrayLike<number>, columns: number, pattern: SparsityPattern): boolean {
  if (pattern.kind === "unstructured") {
    const target = removedCount(pattern.sparsity, mask.length);
    const removed = mask.length - countKept(mask);
    return removed <= target && target - removed <= columns + mask.length / Math.max(1, columns);
  }
  if (columns % pattern.of !== 0) return false;
  for (let start = 0; start < mask.length; start += pattern.of) {
    if (countKept(mask, start, start + pattern.of) !== pattern.keep) return false;
  }
  const rows = sharedRows(pattern);
  if (mask.length % (rows * columns) !== 0) return false;
  for (let i = 0; i < mask.length; i++) {
    const first = i - (Math.floor(i / columns) % rows) * columns;
    if ((mask[i] === 0) !== (mask[first] === 0)) return false;
  }
  return true;
}

export function countKept(mask: ArrayLike<number>, start = 0, end = mask.length): number {
  let kept = 0;
  for (let i = start; i < end; i++) if (mask[i] !== 0) kept++;
  return kept;
}
