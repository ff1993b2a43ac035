import {
  formatPattern,
  type LinearSite,
  parsePattern,
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
import { defaultPattern, type PruneResult, type Pruner, type PrunerOptions } from "./pruner.js";
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
  /** ‖(W − Ŵ)X‖² / ‖WX‖² on the calibration inputs; 0 where WX is 0; `undefined` without statistics. */
  readonly error: number | undefined;
  /** The mask obeys the pattern (see `maskObeys`), and every weight it prunes is zero. */
  readonly maskValid: boolean;
  /** What the pruner added to diag(H), absolutely; `undefined` if it inverts nothing. */
  readonly damping: number | undefined;
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
  options: PrunerOptions & { shared?: SharedWork } = {},
): Promise<SiteReport> {
  const pattern = parsePattern(options.pattern ?? pruner.pattern ?? defaultPattern);
  const result = await pruner.prune(site, pattern, options.shared);
  let taken = false;
  try {
    checkResult(site, pruner, result);
    await assertFinite(result.weight, `${site.name}: the weight that ${pruner.name} made`);
    const report = await describe(site, result, pattern);
    site.setWeight(result.weight);
    taken = true;
    return report;
  } finally {
    result.mask.dispose();
    if (!taken && result.weight !== site.weight) result.weight.dispose();
  }
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
  site: LinearSite,
  result: PruneResult,
  pattern: SparsityPattern,
): Promise<SiteReport> {
  const { weight, mask, damping } = result;
  const flags = (await mask.read()) as Uint8Array;
  const kept = countKept(flags);
  using stray = tidy(() => any(logicalAnd(logicalNot(mask), weight.notEqual(0))));
  const zeroed = (await item(stray)) === 0;
  return {
    name: site.name,
    role: site.role,
    pattern: formatPattern(pattern),
    kept,
    pruned: flags.length - kept,
    sparsity: flags.length === 0 ? 0 : 1 - kept / flags.length,
    error: site.statistics && (await relativeError(site, weight)),
    maskValid: zeroed && maskObeys(flags, weight.shape[1]!, pattern),
    damping,
  };
}

/** ‖(W − Ŵ)X‖² / ‖WX‖² = tr((W − Ŵ)·H·(W − Ŵ)ᵀ) / tr(W·H·Wᵀ) for the site's weight W and Ŵ; 0 where WX is 0. */
export async function relativeError(site: LinearSite, pruned: Tensor): Promise<number> {
  const { gram } = await finiteStatistics(site);
  using lost = tidy(() => energy(site.weight.sub(pruned), gram));
  using all = tidy(() => energy(site.weight, gram));
  const whole = await item(all);
  return whole > 0 ? Math.max(0, await item(lost)) / whole : 0;
}

const energy = (weight: Tensor, gram: Tensor): Tensor => weight.matmul(gram).mul(weight).sum();
