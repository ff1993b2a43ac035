import type { SparsityPattern } from "@denoise-rotator/contracts";
import { smallest, type Tensor } from "@denoise-rotator/core";

/**
 * Marks (bool, shaped as S) what `pattern` would prune of S along `inputAxis` (0 or 1), exactly: M − N of every M
 * consecutive inputs, or ⌊sparsity·inputs⌋ of each row. Among equals the lower index goes first.
 */
export function prunedMask(S: Tensor, pattern: SparsityPattern, inputAxis: 0 | 1): Tensor {
  const rows = inputAxis === 1 ? S : S.transpose();
  const mask =
    pattern.kind === "n:m"
      ? smallest(rows, { group: pattern.of, count: pattern.of - pattern.keep })
      : smallest(rows, { count: Math.floor((pattern.sparsity + 1e-12) * rows.shape[1]!) });
  return inputAxis === 1 ? mask : mask.transpose();
}
