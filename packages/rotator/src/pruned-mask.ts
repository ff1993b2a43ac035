import { type SparsityPattern, sharedRows } from "@denoise-rotator/contracts";
import { smallestInBlocks, type Tensor } from "@denoise-rotator/core";

/**
 * How many of how many consecutive inputs `pattern` prunes: M − N of M, or ⌊sparsity·inputs⌋ of a whole row; and how many
 * consecutive outputs lose the same ones.
 */
export const prunedOf = (
  pattern: SparsityPattern,
  inputs: number,
): { group: number; count: number; shared: number } =>
  pattern.kind === "n:m"
    ? { group: pattern.of, count: pattern.of - pattern.keep, shared: sharedRows(pattern) }
    : { group: inputs, count: Math.floor((pattern.sparsity + 1e-12) * inputs), shared: 1 };

/** Marks (bool) what `pattern` would prune of S `[out, in]`, exactly. Among equals the lower index goes first. */
export const prunedMask = (S: Tensor, pattern: SparsityPattern): Tensor =>
  smallestInBlocks(S, prunedOf(pattern, S.shape[1]!));
