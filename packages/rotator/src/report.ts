import {
  type DecoderBlock,
  type Importance,
  type SiteRole,
  type SparsityPattern,
  sharedRows,
  siteRoles,
} from "@denoise-rotator/contracts";
import { NonFiniteError, stack, type Tensor, tidy, toNumbers, where } from "@denoise-rotator/core";
import { type ColumnMetric, rotatedScale } from "./column-metric.js";
import type { RotationProblem } from "./problem.js";
import { prunedMask } from "./pruned-mask.js";
import { siteEntropy } from "./site-groups.js";

/** A figure without and with the rotation. */
export interface BeforeAfter {
  readonly before: number;
  readonly after: number;
}

/** What a rotation did to one site. */
export interface SiteReport {
  readonly name: string;
  readonly role: SiteRole;
  /** Nats, summed over the site's groups. */
  readonly entropy: BeforeAfter;
  /** Share of the site's importance that the pattern would prune; `undefined` where the pattern does not fit. */
  readonly direct: BeforeAfter | undefined;
}

/** What {@link mapImportances} makes at a time: sites whose weights lie together. */
interface Stretch {
  readonly roles: readonly SiteRole[];
  /** S of each role, in their order. */
  readonly importances: () => readonly Tensor[];
}

/**
 * `figure` of the importances S `[out, in]` of every rotated site among `roles`, each scaled to its site's weight (1) in total
 * without rotation (see the problem). S of one stretch of the packed weights are there at a time. The caller disposes of the
 * figures.
 */
export function mapImportances(
  problem: RotationProblem,
  R1: Tensor,
  R2: Tensor,
  figure: (S: Tensor, role: SiteRole) => Tensor,
  roles: readonly SiteRole[] = siteRoles,
): Map<SiteRole, Tensor> {
  return tidy(() => {
    const figures = new Map<SiteRole, Tensor>();
    for (const { roles: own, importances } of stretches(problem, R1, R2)) {
      if (!own.some((role) => roles.includes(role))) continue;
      const found = tidy(() => importances().map((S, i) => tidy(() => figure(S, own[i]!))));
      own.forEach((role, i) => {
        if (roles.includes(role)) figures.set(role, found[i]!);
      });
    }
    return figures;
  });
}

function stretches(problem: RotationProblem, R1: Tensor, R2: Tensor): Stretch[] {
  const { heads, hiddenSize, queryKey, gateUp, value, output, down } = problem;
  const { count, keyValueCount, dim } = heads;
  const shared = R2.unsqueeze(1);
  const scale = (metric: ColumnMetric | undefined, R: Tensor) =>
    metric && tidy(() => rotatedScale(metric, R).h);
  const attention = scale(problem.attentionMetric, R1);
  const mlp = scale(problem.mlpMetric, R1);
  const perHead = scale(problem.outputMetric, shared);
  const intermediate = down.shape[0]!;
  const importance = (Y: () => Tensor, h: Tensor | undefined) =>
    tidy(() => {
      const squares = tidy(() => Y().square());
      return h ? squares.mul(h) : squares;
    });
  return [
    {
      roles: ["qProj", "kProj"],
      importances: () => {
        const S = importance(() => queryKey.matmul(R1), attention);
        return [S.slice([0, count * dim]), S.slice([count * dim])];
      },
    },
    {
      roles: ["vProj"],
      importances: () => {
        const turned = value.matmul(R1).reshape([keyValueCount, dim, hiddenSize]);
        return [importance(() => R2.transpose().matmul(turned).reshape(value.shape), attention)];
      },
    },
    {
      roles: ["oProj"],
      importances: () => {
        const turned = output.matmul(R1).reshape([keyValueCount, count / keyValueCount, dim, hiddenSize]);
        const Y = () => shared.transpose().matmul(turned).reshape(output.shape).transpose();
        return [importance(Y, perHead?.reshape([count * dim]))];
      },
    },
    {
      roles: ["gateProj"],
      importances: () => [importance(() => gateUp.slice([0, intermediate]).matmul(R1), mlp)],
    },
    {
      roles: ["upProj"],
      importances: () => [importance(() => gateUp.slice([intermediate]).matmul(R1), mlp)],
    },
    {
      roles: ["downProj"],
      importances: () => [importance(() => down.matmul(R1).transpose(), problem.downScale)],
    },
  ];
}

/**
 * Sees the importances S `[out, in]` of one site after the other, whose sums are the sites' weights without rotation. They
 * live until it returns.
 */
export type ImportanceObserver = (
  moment: "before" | "after",
  role: SiteRole,
  importances: Tensor,
) => Promise<void>;

/** Shows the importances under a rotation to whoever asked for them. */
export async function showImportances(
  observer: ImportanceObserver | undefined,
  moment: "before" | "after",
  problem: RotationProblem,
  [R1, R2]: readonly [Tensor, Tensor],
): Promise<void> {
  if (!observer) return;
  for (const role of siteRoles) {
    using S = mapImportances(problem, R1, R2, (S) => S.alias(), [role]).get(role)!;
    await observer(moment, role, S);
  }
}

interface SiteFigures {
  readonly entropy: number;
  readonly direct: number | undefined;
}

/** Entropy and prunable importance of every site under a rotation, in the order of `siteRoles`. */
export async function siteFigures(
  problem: RotationProblem,
  R1: Tensor,
  R2: Tensor,
  pattern: SparsityPattern,
): Promise<SiteFigures[]> {
  const fits = ({ shape }: Tensor) =>
    pattern.kind === "unstructured" ||
    (shape[1]! % pattern.of === 0 && shape[0]! % sharedRows(pattern) === 0);
  using figures = tidy(() => {
    const bySite = mapImportances(problem, R1, R2, (S, role) => {
      const pruned = tidy(() =>
        fits(S) ? where(prunedMask(S, pattern), S, 0).sum() : S.sum().mul(Number.NaN),
      );
      return stack([siteEntropy(S, role), pruned]);
    });
    return stack(siteRoles.map((role) => bySite.get(role)!)).reshape([2 * siteRoles.length]);
  });
  const numbers = await toNumbers(figures);
  return siteRoles.map((role, i) => {
    const direct = numbers[2 * i + 1]! / problem.siteWeights[role];
    return { entropy: numbers[2 * i]!, direct: Number.isNaN(direct) ? undefined : direct };
  });
}

/** Joins the figures of two rotations into a report for each site. */
export const siteReports = (
  problem: Pick<RotationProblem, "siteNames">,
  before: readonly SiteFigures[],
  after: readonly SiteFigures[],
): SiteReport[] =>
  siteRoles.map((role, i) => {
    const [from, to] = [before[i]!, after[i]!];
    const direct =
      from.direct === undefined || to.direct === undefined
        ? undefined
        : { before: from.direct, after: to.direct };
    const name = problem.siteNames[role];
    return { name, role, entropy: { before: from.entropy, after: to.entropy }, direct };
  });

/**
 * Entropy in nats of every site's present importances, summed over its groups: rows of q, k, gate, up, columns of down,
 * both of v and o. Works with any importance. Groups of zeros count 0.
 *
 * @throws NonFiniteError naming the site whose importance gives NaN or infinity.
 */
export async function siteEntropies(
  block: DecoderBlock,
  importance: Importance,
): Promise<{ name: string; role: SiteRole; entropy: number }[]> {
  const result = [];
  for (const site of block.sites) {
    using S = await importance.of(site);
    using total = siteEntropy(S, site.role);
    const [entropy] = Array.from(await toNumbers(total));
    if (!Number.isFinite(entropy)) {
      throw new NonFiniteError(
        `${site.name}: the entropy of its ${importance.name} importance is ${entropy}`,
      );
    }
    result.push({ name: site.name, role: site.role, entropy: entropy! });
  }
  return result;
}
