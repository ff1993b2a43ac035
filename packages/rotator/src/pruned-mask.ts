import type { SparsityPattern } from "@denoise-rotator/contracts";
import { smallest, type Tensor } from "@denoise-rotator/core";

/** How many of how many consecutive inputs `pattern` prunes: M − N of M, or ⌊sparsity·inputs⌋ of a whole row. */
export const prunedOf = (pattern: SparsityPattern, inputs: number): { group: number; count: number } =>
  pattern.kind === "n:m"
    ? { group: pattern.of, count: pattern.of - pattern.keep }
    : { group: inputs, count: Math.floor((pattern.sparsity + 1e-12) * inputs) };

/** Marks (bool) what `pattern` would prune of S `[out, in]`, exactly. Among equals the lower index goes first. */
export const prunedMask = (S: Tensor, pattern: SparsityPattern): Tensor =>
  smallest(S, prunedOf(pattern, S.shape[1]!));
