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
import { assertFinite, concat, OptionError, stack, type Tensor, tidy, where } from "@denoise-rotator/core";
import { type ColumnMetric, columnMetric, unrotatedScale } from "./column-metric.js";

/** What sites count for in `direct`; left out: 1. Entropies do not see it. */
export type SiteWeights = Partial<Readonly<Record<SiteRole, number>>>;

/** What a problem takes of a block's statistics: without them the block's weights are all it needs. */
export interface BlockMetrics {
  /** Column metrics of what q, k, v read and of what gate, up read, `[hidden, hidden]`. */
  readonly attention: ColumnMetric | undefined;
  readonly mlp: ColumnMetric | undefined;
  /** Diagonal blocks of o's metric, `[keyValueHeads, heads per key/value head, dim, dim]`. */
  readonly output: ColumnMetric | undefined;
  /** Fixed column scale of down, `[intermediate]`. */
  readonly downScale: Tensor | undefined;
  /** What the weight of every site is multiplied by, `[7]` in the order of `siteRoles`. */
  readonly factors: Tensor;
  /** What every matrix's importances then sum to. */
  readonly siteWeights: Readonly<Record<SiteRole, number>>;
  dispose(): void;
}

/**
 * The metrics of a block (norms folded, statistics captured). The caller disposes.
 *
 * @throws OptionError if the importance declares no `columnScale`, or statistics are missing; NonFiniteError naming the
 * site whose weight or H holds NaN or infinity.
 */
export async function blockMetrics(
  block: DecoderBlock,
  importance: Importance,
  options: { readonly siteWeights?: SiteWeights } = {},
): Promise<BlockMetrics> {
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
    const attention = own(await metric("qProj"));
    const mlp = own(await metric("gateProj"));
    const wholeOutput = await metric("oProj");
    const output = own(wholeOutput && headBlocks(wholeOutput, block.heads));
    using outputScale = wholeOutput && unrotatedScale(wholeOutput);
    wholeOutput?.matrix.dispose();
    const wholeDown = await metric("downProj");
    const downScale = own(wholeDown && unrotatedScale(wholeDown));
    wholeDown?.matrix.dispose();
    const factors = own(
      tidy(() => {
        const hidden = (role: SiteRole, read: ColumnMetric | undefined) =>
          hiddenTotal(site[role].weight, read);
        const totals: Record<SiteRole, Tensor> = {
          qProj: hidden("qProj", attention),
          kProj: hidden("kProj", attention),
          vProj: hidden("vProj", attention),
          oProj: scaledTotal(site.oProj.weight, outputScale),
          gateProj: hidden("gateProj", mlp),
          upProj: hidden("upProj", mlp),
          downProj: scaledTotal(site.downProj.weight, downScale),
        };
        return stack(siteRoles.map((role) => factorTo(siteWeights[role], totals[role])));
      }),
    );
    const dispose = () => made.forEach((tensor) => void tensor.dispose());
    return { attention, mlp, output, downScale, factors, siteWeights, dispose };
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

/** √(wanted / total); 1 for a weight of zeros. */
const factorTo = (wanted: number, total: Tensor): Tensor =>
  tidy(() => where(total.equal(0), 1, total.rsqrt().mul(Math.sqrt(wanted))));

/** Fills in what is left out. Throws {@link OptionError} unless all are positive. */
export function completeWeights(given: SiteWeights = {}): Readonly<Record<SiteRole, number>> {
  for (const [role, weight] of Object.entries(given)) {
    if (!(weight > 0 && weight < Number.POSITIVE_INFINITY))
      throw new OptionError(`siteWeights: ${role} ${weight} is not > 0`);
  }
  return Object.fromEntries(siteRoles.map((role) => [role, given[role] ?? 1])) as Record<SiteRole, number>;
}
