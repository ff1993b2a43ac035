import type { ReadonlySite } from "@denoise-rotator/contracts";
import { OptionError, type Tensor, tidy } from "@denoise-rotator/core";
import { finiteStatistics } from "./checks.js";
import { conjugateGradients } from "./conjugate-gradients.js";
import { whileDamped } from "./damped-gram.js";
import type { PruneResult } from "./pruner.js";

export interface RefineOptions {
  /** Of conjugate gradients; default 10, where layers are within a fraction of a percent of exact least squares. */
  readonly iterations?: number;
  /** Share of mean(diag H) added to H's diagonal where the pruner reports no damping of its own; default 0.01. */
  readonly damping?: number;
}

/** How kept weights are solved for once the mask is found. */
export const refinements = ["none", "pcg"] as const;
export type Refinement = (typeof refinements)[number];

/** The options behind a name; `undefined`: kept weights stay. Throws {@link OptionError} naming the option. */
export function refineOptions(
  refine: Refinement | RefineOptions | undefined,
): Required<RefineOptions> | undefined {
  if (refine === undefined || refine === "none") return undefined;
  if (typeof refine === "string" && refine !== "pcg") {
    throw new OptionError(`refine ${refine}: choose one of ${refinements.join(", ")}`);
  }
  const { iterations = 10, damping = 0.01 } = typeof refine === "string" ? {} : refine;
  if (!(Number.isInteger(iterations) && iterations >= 1)) {
    throw new OptionError(`refine: ${iterations} iterations, but 1 or more are needed`);
  }
  if (!(damping >= 0 && Number.isFinite(damping))) {
    throw new OptionError(`refine: damping ${damping}: a share of mean(diag H), 0 or more, as 0.01`);
  }
  return { iterations, damping };
}

/**
 * Solves anew for the weights that `mask` keeps, starting from `weight`: row by row the least of
 * tr((W − Ŵ)·H·(W − Ŵ)ᵀ), W being `site`'s weight and H its damped statistics. SparseGPT's sweep makes up for a pruned
 * weight in the columns to its right only; this uses all of them. Weights of inputs that never fire stay. The caller
 * disposes of what it returns; nothing else changes.
 *
 * @throws OptionError or NonFiniteError naming the site: no statistics, or statistics that are not finite.
 */
export async function refine(
  site: Pick<ReadonlySite, "name" | "weight" | "statistics">,
  { weight: start, mask, damping: added }: PruneResult,
  options: RefineOptions = {},
): Promise<Tensor> {
  const { iterations, damping } = refineOptions(options)!;
  const { gram } = await finiteStatistics(site);
  using fixed = tidy(() => gram.diagonal().equal(0));
  return await whileDamped(gram, { share: damping, added }, () =>
    conjugateGradients({ target: site.weight, start, fixed, mask, H: gram, iterations }),
  );
}
