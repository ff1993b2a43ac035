import type { Tensor } from "@denoise-rotator/core";
import type { ReadonlySite } from "./site.js";

/**
 * How a pruner weighs the columns of weight²: `one` (magnitude), `diagonal` of H (Wanda), `inverseDiagonal`
 * 1/diag(H⁻¹) with damping (SparseGPT).
 */
export type ColumnScale = "one" | "diagonal" | "inverseDiagonal";

/** Importance S `[out, in]` of a site's weights, larger is worth more. */
export interface Importance {
  readonly name: string;
  /** Declares S = weight² · scale, which enables the closed-form rotation objectives. */
  readonly columnScale?: ColumnScale;
  /** Share of mean(diag H) added to H's diagonal where H is inverted; default 0.01. */
  readonly damping?: number;
  /** S in core ops of `site.weight` and `site.statistics`, so that it has a gradient. */
  of(site: Pick<ReadonlySite, "name" | "weight" | "statistics">): Promise<Tensor>;
}
