import {
  formatPattern,
  type LinearSite,
  parsePattern,
  type ReadonlySite,
  type SiteRole,
  type SparsityPattern,
} from "@denoise-rotator/contracts";
import {
  any,
  assertFinite,
  item,
  logicalAnd,
  logicalNot,
  ShapeError,
  sameShape,
  type Tensor,
  tidy,
} from "@denoise-rotator/core";
import { finiteStatistics } from "./checks.js";
import { countKept, maskObeys } from "./masks.js";
import { type MatchOptions, matchedWeight, matchOptions } from "./match.js";
import { defaultPattern, type PruneResult, type Pruner, type PrunerOptions } from "./pruner.js";
import { type Refinement, type RefineOptions, refine, refineOptions } from "./refine.js";
import type { SharedWork } from "./shared-work.js";

/** What pruning did to one site. */
export interface SiteReport {
  readonly name: string;
  readonly role: SiteRole;
  /** As `formatPattern` writes it. */
  readonly pattern: string;
  /** Weights whose mask is true. */
  readonly kept: number;
  /** Weights whose mask is false. */
  readonly pruned: number;
  /** pruned / (kept + pruned). */
  readonly sparsity: number;
  /**
   * ‖(W − Ŵ)X‖² / ‖WX‖² on the calibration inputs, W being what was aimed at (with `match` the matched weight); 0 where
   * WX is 0; `undefined` without statistics.
   */
  readonly error: number | undefined;
  /** With `match`: ‖(V − W)X‖² / ‖WX‖², how far the matched weight V is from the site's own; else `undefined`. */
  readonly shift: number | undefined;
  /** The mask obeys the pattern (see `maskObeys`), and every weight it prunes is zero. */
  readonly maskValid: boolean;
  /** What the pruner added to diag(H), absolutely; `undefined` if it inverts nothing. */
  readonly damping: number | undefined;
}

/** Parts of pruning a site that can be measured apart. */
export type PruneStep = "match" | "choose" | "refine";

export interface PruneSiteOptions extends PrunerOptions {
  /**
   * `pcg`: solve anew for the kept weights once the mask is found (see {@link refine}), whatever the pruner; needs
   * statistics. Default `none`.
   */
  readonly refine?: Refinement | RefineOptions;
  /**
   * Aim at the dense model's outputs with the pruned model's inputs (see {@link matchedWeight}), whatever the pruner;
   * needs the statistics' `drift`. Default false.
   */
  readonly match?: boolean | MatchOptions;
  /** Outlives the call: what depends on H alone is computed once for the sites that read the same input. */
  readonly shared?: SharedWork;
  /** Frees what is `shared` as soon as it has served: no other site needs it. Default false. */
  readonly last?: boolean;
  /** Wraps each step, to take its time. */
  readonly measure?: <T>(step: PruneStep, body: () => Promise<T>) => Promise<T>;
}

/**
 * Prunes one site with its present statistics and sets its weight.
 *
 * @throws NonFiniteError, ShapeError or OptionError naming the site: NaN or infinity in the weight, H or the result;
 * a pattern that does not divide the inputs; missing statistics. The site is then as it was.
 */
export async function pruneSite(
  site: LinearSite,
  pruner: Pruner,
  options: PruneSiteOptions = {},
): Promise<SiteReport> {
  const { measure = (_, body) => body() } = options;
  const match = matchOptions(options.match);
  if (!match) return pruneTowards(site, site, pruner, options);
  using weight = await measure("match", () => matchedWeight(site, match, options.shared));
  if (options.last) await options.shared?.release(matchedWeight);
  await assertFinite(weight, `${site.name}: the weight that matches the dense outputs`);
  const { name, role, bias, statistics } = site;
  const shift = await relativeError(site, weight);
  return { ...(await pruneTowards(site, { name, role, weight, bias, statistics }, pruner, options)), shift };
}

/** Prunes `target`, which has the weight that is aimed at, and gives the result to `site`. */
async function pruneTowards(
  site: LinearSite,
  target: ReadonlySite,
  pruner: Pruner,
  options: PruneSiteOptions,
): Promise<SiteReport> {
  const { shared, measure = (_, body) => body() } = options;
  const pattern = parsePattern(options.pattern ?? pruner.pattern ?? defaultPattern);
  const refinement = refineOptions(options.refine);
  let result = await measure("choose", () => pruner.prune(target, pattern, shared));
  if (options.last) await shared?.dispose();
  try {
    checkResult(site, pruner, result);
    await assertFinite(result.weight, `${site.name}: the weight that ${pruner.name} made`);
    if (refinement) {
      const weight = await measure("refine", () => refine(target, result, refinement));
      discard(site, result.weight);
      result = { ...result, weight };
      await assertFinite(weight, `${site.name}: the weight that conjugate gradients made`);
    }
    const report = await describe(target, result, pattern);
    site.setWeight(result.weight);
    return report;
  } finally {
    result.mask.dispose();
    discard(site, result.weight);
  }
}

/** Frees what a pruner made, unless it is the site's by now. */
function discard(site: LinearSite, weight: Tensor): void {
  if (weight !== site.weight) weight.dispose();
}

function checkResult(site: LinearSite, pruner: Pruner, { weight, mask }: PruneResult): void {
  for (const [what, tensor] of Object.entries({ weight, mask })) {
    if (!sameShape(tensor.shape, site.weight.shape)) {
      throw new ShapeError(
        `${site.name}: ${pruner.name} made a ${what} [${tensor.shape}] where [${site.weight.shape}] is needed`,
      );
    }
  }
}

async function describe(
  site: ReadonlySite,
  result: PruneResult,
  pattern: SparsityPattern,
): Promise<SiteReport> {
  const { weight, mask, damping } = result;
  using stray = tidy(() => any(logicalAnd(logicalNot(mask), weight.notEqual(0))));
  const [values, strayed] = await Promise.all([mask.read(), item(stray)]);
  const flags = values as Uint8Array;
  const kept = countKept(flags);
  return {
    name: site.name,
    role: site.role,
    pattern: formatPattern(pattern),
    kept,
    pruned: flags.length - kept,
    sparsity: flags.length === 0 ? 0 : 1 - kept / flags.length,
    shift: undefined,
    error: site.statistics && (await relativeError(site, weight)),
    maskValid: strayed === 0 && maskObeys(flags, weight.shape[1]!, pattern),
    damping,
  };
}

/** ‖(W − Ŵ)X‖² / ‖WX‖² = tr((W − Ŵ)·H·(W − Ŵ)ᵀ) / tr(W·H·Wᵀ) for the site's weight W and Ŵ; 0 where WX is 0. */
export async function relativeError(site: ReadonlySite, pruned: Tensor): Promise<number> {
  const { gram } = await finiteStatistics(site);
  using lost = tidy(() => energy(site.weight.sub(pruned), gram));
  using all = tidy(() => energy(site.weight, gram));
  const [whole, part] = await Promise.all([item(all), item(lost)]);
  return whole > 0 ? Math.max(0, part) / whole : 0;
}

const energy = (weight: Tensor, gram: Tensor): Tensor => weight.matmul(gram).mul(weight).sum();
