import {
  type ColumnScale,
  type DecoderBlock,
  type HeadLayout,
  type Importance,
  type LinearSite,
  requireStatistics,
  type SiteRole,
  siteOf,
  siteRoles,
} from "@denoise-rotator/contracts";
import { assertFinite, concat, OptionError, type Tensor, tidy, where } from "@denoise-rotator/core";
import { type ColumnMetric, columnMetric, unrotatedScale } from "./column-metric.js";
import { type PackedWeights, type Part, parts, rowsFrom } from "./packed-weights.js";

/** What sites count for in `direct`; left out: 1. Entropies do not see it. */
export type SiteWeights = Partial<Readonly<Record<SiteRole, number>>>;

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
}

/**
 * Reads a block (norms folded, statistics captured) for the closed-form objectives.
 *
 * @throws OptionError if the importance declares no `columnScale`, or statistics are missing; NonFiniteError naming the
 * site whose weight or H holds NaN or infinity.
 */
export async function rotationProblem(
  block: DecoderBlock,
  importance: Importance,
  options: { readonly siteWeights?: SiteWeights } = {},
): Promise<RotationProblem> {
  const siteWeights = completeWeights(options.siteWeights);
  const scale = requireColumnScale(importance);
  const site = Object.fromEntries(siteRoles.map((role) => [role, siteOf(block, role)])) as Sites;
  await checkFinite(site, scale);
  const damping = importance.damping ?? 0.01;
  const made: Tensor[] = [];
  const own = <T extends Tensor | ColumnMetric | undefined>(x: T): T => {
    if (x) made.push("matrix" in x ? x.matrix : x);
    return x;
  };
  const metric = (role: SiteRole) =>
    columnMetric(scale === "one" ? undefined : requireStatistics(site[role]).gram, scale, {
      damping,
      name: site[role].name,
    });
  try {
    const attentionMetric = own(await metric("qProj"));
    const mlpMetric = own(await metric("gateProj"));
    const wholeOutput = await metric("oProj");
    const outputMetric = own(wholeOutput && headBlocks(wholeOutput, block.heads));
    const outputScale = wholeOutput && unrotatedScale(wholeOutput);
    wholeOutput?.matrix.dispose();
    const wholeDown = await metric("downProj");
    const downScale = own(wholeDown && unrotatedScale(wholeDown));
    wholeDown?.matrix.dispose();
    const weights = tidy(() => {
      const hidden = (role: SiteRole, metric: ColumnMetric | undefined) =>
        withTotal(siteWeights[role], site[role].weight, hiddenTotal(site[role].weight, metric));
      const inner = (role: SiteRole, h: Tensor | undefined) =>
        withTotal(siteWeights[role], site[role].weight, scaledTotal(site[role].weight, h)).transpose();
      return concat([
        hidden("qProj", attentionMetric),
        hidden("kProj", attentionMetric),
        hidden("gateProj", mlpMetric),
        hidden("upProj", mlpMetric),
        inner("downProj", downScale),
        hidden("vProj", attentionMetric),
        inner("oProj", outputScale),
      ]);
    });
    made.push(weights);
    outputScale?.dispose();
    const inputs = (role: SiteRole) => site[role].weight.shape[1]!;
    const outputs = (role: SiteRole) => site[role].weight.shape[0]!;
    const rows = rowsFrom({
      queryKey: outputs("qProj") + outputs("kProj"),
      gateUp: outputs("gateProj") + outputs("upProj"),
      down: inputs("downProj"),
      value: outputs("vProj"),
      output: inputs("oProj"),
    });
    const windows = Object.fromEntries(parts.map((part) => [part, weights.slice(rows[part])]));
    made.push(...Object.values(windows));
    const dispose = () => made.forEach((tensor) => void tensor.dispose());
    return {
      name: block.name,
      hiddenSize: block.hiddenSize,
      heads: block.heads,
      siteNames: Object.fromEntries(siteRoles.map((role) => [role, site[role].name])) as Record<
        SiteRole,
        string
      >,
      siteWeights,
      packed: { weights, rows, downScale, factor: 1, dispose },
      ...(windows as Record<Part, Tensor>),
      ...{ attentionMetric, mlpMetric, outputMetric, downScale, dispose },
    };
  } catch (error) {
    for (const tensor of made) tensor.dispose();
    throw error;
  }
}

type Sites = Readonly<Record<SiteRole, LinearSite>>;

function requireColumnScale({ name, columnScale }: Importance): ColumnScale {
  if (columnScale) return columnScale;
  throw new OptionError(
    `importance ${name} declares no columnScale, which learning a rotation needs: give it one, or rotate by the importance of another pruner`,
  );
}

async function checkFinite(sites: Sites, scale: ColumnScale): Promise<void> {
  const seen = new Set<Tensor>();
  for (const site of Object.values(sites)) {
    await assertFinite(site.weight, `${site.name}.weight`);
    const gram = scale === "one" ? undefined : requireStatistics(site).gram;
    if (!gram || seen.has(gram)) continue;
    seen.add(gram);
    await assertFinite(gram, `${site.name}: H`);
  }
}

/** The diagonal blocks `[keyValueHeads, repeats, dim, dim]` of a metric over all heads. */
function headBlocks({ matrix, inverse }: ColumnMetric, heads: HeadLayout): ColumnMetric {
  const { count, keyValueCount, dim } = heads;
  const blocks = tidy(() => {
    const parts = Array.from({ length: count }, (_, head) => {
      const range = [head * dim, (head + 1) * dim] as const;
      return matrix.slice(range, range);
    });
    return concat(parts).reshape([keyValueCount, count / keyValueCount, dim, dim]);
  });
  return { matrix: blocks, inverse };
}

/** Σ W²·h. */
const scaledTotal = (W: Tensor, h: Tensor | undefined): Tensor =>
  tidy(() => (h ? W.square().mul(h) : W.square()).sum());

/** tr(W·H·Wᵀ), which no rotation changes; Σ W²·h where the metric is an inverse. */
const hiddenTotal = (W: Tensor, metric: ColumnMetric | undefined): Tensor =>
  tidy(() => {
    if (!metric) return scaledTotal(W, undefined);
    return metric.inverse ? scaledTotal(W, unrotatedScale(metric)) : W.matmul(metric.matrix).mul(W).sum();
  });

/** W·√(wanted / total); a weight of zeros stays as it is. */
const withTotal = (wanted: number, W: Tensor, total: Tensor): Tensor =>
  tidy(() => W.mul(where(total.equal(0), 1, total.rsqrt().mul(Math.sqrt(wanted)))));

function completeWeights(given: SiteWeights = {}): Readonly<Record<SiteRole, number>> {
  for (const [role, weight] of Object.entries(given)) {
    if (!(weight > 0 && weight < Number.POSITIVE_INFINITY))
      throw new OptionError(`siteWeights: ${role} ${weight} is not > 0`);
  }
  return Object.fromEntries(siteRoles.map((role) => [role, given[role] ?? 1])) as Record<SiteRole, number>;
}
