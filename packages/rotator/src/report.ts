import {
  type DecoderBlock,
  type Importance,
  type SiteRole,
  type SparsityPattern,
  sharedRows,
  siteRoles,
} from "@denoise-rotator/contracts";
import { NonFiniteError, stack, type Tensor, tidy, toNumbers, where } from "@denoise-rotator/core";
import { rotatedScale } from "./column-metric.js";
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

/** Importances S `[out, in]` of every rotated site, each scaled to its site's weight (1) in total without rotation (see the problem). */
export function rotatedImportances(
  problem: RotationProblem,
  R1: Tensor,
  R2: Tensor,
): Readonly<Record<SiteRole, Tensor>> {
  const { heads, hiddenSize, queryKey, gateUp, value, output, down } = problem;
  const { count, keyValueCount, dim } = heads;
  return tidy(() => {
    const shared = R2.unsqueeze(1);
    const attention = problem.attentionMetric && rotatedScale(problem.attentionMetric, R1).h;
    const mlp = problem.mlpMetric && rotatedScale(problem.mlpMetric, R1).h;
    const perHead = problem.outputMetric && rotatedScale(problem.outputMetric, shared).h;
    const importance = (Y: Tensor, h: Tensor | undefined) => (h ? Y.square().mul(h) : Y.square());
    const qk = importance(queryKey.matmul(R1), attention);
    const gu = importance(gateUp.matmul(R1), mlp);
    const valueHeads = value.matmul(R1).reshape([keyValueCount, dim, hiddenSize]);
    const outputHeads = output.matmul(R1).reshape([keyValueCount, count / keyValueCount, dim, hiddenSize]);
    const v = R2.transpose().matmul(valueHeads).reshape(value.shape);
    const o = shared.transpose().matmul(outputHeads).reshape(output.shape).transpose();
    const intermediate = down.shape[0]!;
    return {
      qProj: qk.slice([0, count * dim]),
      kProj: qk.slice([count * dim]),
      vProj: importance(v, attention),
      oProj: importance(o, perHead?.reshape([count * dim])),
      gateProj: gu.slice([0, intermediate]),
      upProj: gu.slice([intermediate]),
      downProj: importance(down.matmul(R1).transpose(), problem.downScale),
    };
  });
}

/**
 * Sees the importances S `[out, in]` of every site, whose sums are the sites' weights without rotation. They live until it
 * returns.
 */
export type ImportanceObserver = (
  moment: "before" | "after",
  importances: Readonly<Record<SiteRole, Tensor>>,
) => Promise<void>;

/** Shows the importances under a rotation to whoever asked for them. */
export async function showImportances(
  observer: ImportanceObserver | undefined,
  moment: "before" | "after",
  problem: RotationProblem,
  [R1, R2]: readonly [Tensor, Tensor],
): Promise<void> {
  if (!observer) return;
  const importances = rotatedImportances(problem, R1, R2);
  try {
    await observer(moment, importances);
  } finally {
    for (const S of Object.values(importances)) S.dispose();
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
    const importances = rotatedImportances(problem, R1, R2);
    return stack(
      siteRoles.flatMap((role) => {
        const S = importances[role];
        const pruned = tidy(() =>
          fits(S) ? where(prunedMask(S, pattern), S, 0).sum() : S.sum().mul(Number.NaN),
        );
        return [siteEntropy(S, role), pruned];
      }),
    );
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
