import type { Importance, ReadonlySite, SparsityPattern } from "@denoise-rotator/contracts";
import type { Tensor } from "@denoise-rotator/core";
import type { SharedWork } from "./shared-work.js";

/** What a pruner makes of one site. The caller owns both tensors. */
export interface PruneResult {
  /** `[out, in]`, the site's dtype, zero wherever `mask` is false. A tensor of its own, never the site's. */
  readonly weight: Tensor;
  /** bool `[out, in]`, true where the weight is kept. */
  readonly mask: Tensor;
  /** What was added to diag(H), absolutely, by a pruner that inverts H. */
  readonly damping?: number;
}

/** A way to choose which weights go. One object: see the README for a pruner of your own. */
export interface Pruner {
  readonly name: string;
  /** What it takes for important; the rotation concentrates this. */
  readonly importance: Importance;
  /** Whether kept weights change to make up for the pruned ones. */
  readonly updatesWeights: boolean;
  /** The pattern where `pruneSite` and `pruneBlock` are given none; default 0.5. */
  readonly pattern?: SparsityPattern;
  /**
   * Prunes `site` without changing it. Makes nothing up: NaN or infinity in the weight or H is a `NonFiniteError`,
   * a pattern that does not fit a `ShapeError`, both naming the site. `shared` outlives the call: what depends on H
   * alone can be computed once for the sites that read the same input.
   */
  prune(site: ReadonlySite, pattern: SparsityPattern, shared?: SharedWork): Promise<PruneResult>;
}

/** Options of every built-in pruner. */
export interface PrunerOptions {
  /** `"0.5"` (share removed), `"2:4"` (2 of 4 consecutive inputs kept), or what `parsePattern` gives; default 0.5. */
  readonly pattern?: string | number | SparsityPattern;
}

export const defaultPattern = "0.5";
