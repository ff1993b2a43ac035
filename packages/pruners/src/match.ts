import {
  type InputDrift,
  type OutputDrift,
  type ReadonlySite,
  requireStatistics,
} from "@denoise-rotator/contracts";
import { OptionError, type Tensor, tidy } from "@denoise-rotator/core";
import { type DampedFactor, factorDamped, solveTriangular } from "@denoise-rotator/linalg";
import { finiteStatistics } from "./checks.js";
import { type SharedWork, withSharedWork } from "./shared-work.js";

export interface MatchOptions {
  /** How much of the way to the dense outputs is aimed at: 0 is none, 1 (default) all. */
  readonly strength?: number;
  /** λ as a share of mean(diag H); default 0.01. */
  readonly damping?: number;
}

/** The options behind a switch; `undefined`: no matching. Throws {@link OptionError} naming the option. */
export function matchOptions(match: boolean | MatchOptions | undefined): Required<MatchOptions> | undefined {
  if (match === undefined || match === false) return undefined;
  const { strength = 1, damping = 0.01 } = match === true ? {} : match;
  if (!(strength >= 0 && strength <= 1)) throw new OptionError(`match: strength ${strength}, from 0 to 1`);
  if (!(damping > 0 && Number.isFinite(damping))) {
    throw new OptionError(`match: damping ${damping}: a positive share of mean(diag H), as 0.01`);
  }
  return { strength, damping };
}

/**
 * The weight that serves best in place of W: fed with the pruned model's inputs X it comes closest to what the dense
 * model has there, W·X′ plus, for layers that write into the residual stream R, the R′ − R that is lost before them.
 * Least squares, drawn to W:
 *
 *     min over V of ‖V·X − W·X′ − (R′ − R)‖² + λ·‖V − W‖²,  V = W + (W·(X′ − X)·Xᵀ + (R′ − R)·Xᵀ)·(H + λI)⁻¹.
 *
 * Pruning V instead of W makes up for what pruning did before. The caller disposes. `shared` keeps the factor of H.
 *
 * @throws OptionError naming the site where it has no statistics or no drift; NonFiniteError for those that are not finite.
 */
export async function matchedWeight(
  site: ReadonlySite,
  options: MatchOptions = {},
  shared?: SharedWork,
): Promise<Tensor> {
  const { strength, damping } = matchOptions(options)!;
  const { drift } = requireStatistics(site);
  if (!drift) {
    throw new OptionError(
      `${site.name}: no drift from the dense model is known; await block.trackDense(), then capture()`,
    );
  }
  const { gram } = await finiteStatistics(site);
  return withSharedWork(shared, async (work) => {
    const { L } = await work.once(matchedWeight, gram, () => dampedFactor(gram, damping, site.name));
    using change = solveTwice(L, () => lostOutputs(site.weight, drift, strength).transpose());
    return tidy(() => site.weight.add(change.transpose()));
  });
}

/** (L·Lᵀ)⁻¹·x; no more than two matrices of x's size are there at once. */
function solveTwice(L: Tensor, x: () => Tensor): Tensor {
  using half = tidy(() => solveTriangular(L, x()));
  return solveTriangular(L, half, { transpose: true });
}

/** strength · (W·(X′ − X) + R′ − R)·Xᵀ. */
function lostOutputs(weight: Tensor, drift: InputDrift | OutputDrift, strength: number): Tensor {
  return tidy(() => {
    const scaled = (lost: Tensor) => (strength === 1 ? lost.alias() : lost.mul(strength));
    if ("outputs" in drift) return scaled(drift.outputs);
    const lost = weight.matmul(drift.inputs);
    return scaled(drift.residual ? lost.add(drift.residual) : lost);
  });
}

async function dampedFactor(
  gram: Tensor,
  damping: number,
  name: string,
): Promise<DampedFactor & { dispose(): void }> {
  const factor = await factorDamped(gram, { damping, name: `${name}: H` });
  return { ...factor, dispose: () => factor.L.dispose() };
}
