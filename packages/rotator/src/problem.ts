import {
  type DecoderBlock,
  type HeadLayout,
  type Importance,
  type SiteRole,
  siteOf,
  siteRoles,
} from "@denoise-rotator/contracts";
import { concat, type Tensor, tidy } from "@denoise-rotator/core";
import type { ColumnMetric } from "./column-metric.js";
import { type BlockMetrics, blockMetrics, type SiteWeights } from "./metrics.js";
import { type PackedWeights, type Part, parts, rowsFrom } from "./packed-weights.js";

/**
 * A block's weights and statistics, packed for the objectives. Every matrix is divided by the root of its total
 * importance, so that its S sums to 1 (or to its site's weight): `tr(W·H·Wᵀ)` for q, k, v, gate, up and `Σ W²·diag(H)` for o, down (Wanda),
 * `Σ W²` (magnitude), `Σ W²·h` without rotation (SparseGPT). Entropies do not see the factor.
 */
export interface RotationProblem {
  /** The block's name. */
  readonly name: string;
  readonly hiddenSize: number;
  readonly heads: HeadLayout;
  readonly siteNames: Readonly<Record<SiteRole, string>>;
  /** What every matrix's importances sum to. */
  readonly siteWeights: Readonly<Record<SiteRole, number>>;
  /** All weights in one matrix; the next five are windows onto it. */
  readonly packed: PackedWeights;
  /** Rows of q, then of k: `[(heads + keyValueHeads)·dim, hidden]`. */
  readonly queryKey: Tensor;
  /** Rows of gate, then of up: `[2·intermediate, hidden]`. */
  readonly gateUp: Tensor;
  /** down transposed, `[intermediate, hidden]`: a row for each of its inputs. */
  readonly down: Tensor;
  /** `[keyValueHeads·dim, hidden]`. */
  readonly value: Tensor;
  /** o transposed, `[heads·dim, hidden]`: a row for each of its inputs. */
  readonly output: Tensor;
  /** Column metrics of what q, k, v read and of what gate, up read, `[hidden, hidden]`. */
  readonly attentionMetric: ColumnMetric | undefined;
  readonly mlpMetric: ColumnMetric | undefined;
  /** Diagonal blocks of o's metric, `[keyValueHeads, heads per key/value head, dim, dim]`. */
  readonly outputMetric: ColumnMetric | undefined;
  /** Fixed column scale of down, `[intermediate]`. */
  readonly downScale: Tensor | undefined;
  dispose(): void;
  [Symbol.dispose](): void;
}

/**
 * Reads a block (norms folded, statistics captured) for the closed-form objectives. The caller disposes.
 *
 * @throws OptionError if the importance declares no `columnScale`, or statistics are missing; NonFiniteError naming the
 * site whose weight or H holds NaN or infinity.
 */
export async function rotationProblem(
  block: DecoderBlock,
  importance: Importance,
  options: { readonly siteWeights?: SiteWeights; readonly releaseStatistics?: boolean } = {},
): Promise<RotationProblem> {
  const metrics = await blockMetrics(block, importance, options);
  if (options.releaseStatistics) {
    for (const role of ["oProj", "downProj"] as const) siteOf(block, role).setStatistics(undefined);
  }
  return packProblem(block, metrics);
}

/** The problem of a block (norms folded) with metrics that were taken before. Takes ownership of `metrics`. */
export function packProblem(
  block: Pick<DecoderBlock, "name" | "hiddenSize" | "heads" | "sites">,
  metrics: BlockMetrics,
): RotationProblem {
  const weightOf = (role: SiteRole) => siteOf(block, role).weight;
  const { downScale, siteWeights } = metrics;
  const weights = tidy(() => {
    const factor = (at: number) => metrics.factors.slice([at, at + 1]);
    const scaled = (role: SiteRole) => weightOf(role).mul(factor(siteRoles.indexOf(role)));
    const across = (role: SiteRole) => scaled(role).transpose();
    const hidden = (["qProj", "kProj", "gateProj", "upProj"] as const).map(scaled);
    return concat([...hidden, across("downProj"), scaled("vProj"), across("oProj")]);
  });
  const [inputs, outputs] = [
    (role: SiteRole) => weightOf(role).shape[1]!,
    (role: SiteRole) => weightOf(role).shape[0]!,
  ];
  const rows = rowsFrom({
    queryKey: outputs("qProj") + outputs("kProj"),
    gateUp: outputs("gateProj") + outputs("upProj"),
    down: inputs("downProj"),
    value: outputs("vProj"),
    output: inputs("oProj"),
  });
  const windows = Object.fromEntries(parts.map((part) => [part, weights.slice(rows[part])]));
  const dispose = () => {
    for (const tensor of [weights, ...Object.values(windows)]) tensor.dispose();
    metrics.dispose();
  };
  return {
    name: block.name,
    hiddenSize: block.hiddenSize,
    heads: block.heads,
    siteNames: Object.fromEntries(siteRoles.map((role) => [role, siteOf(block, role).name])) as Record<
      SiteRole,
      string
    >,
    siteWeights,
    packed: { weights, rows, downScale, factor: 1, dispose },
    ...(windows as Record<Part, Tensor>),
    attentionMetric: metrics.attention,
    mlpMetric: metrics.mlp,
    outputMetric: metrics.output,
    downScale,
    dispose,
    [Symbol.dispose]: dispose,
  };
}
