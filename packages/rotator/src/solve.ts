import { type Tensor, tidy } from "@denoise-rotator/core";
import {
  diagonalBlocks,
  fromDiagonalBlocks,
  type OrthogonalObjective,
  type SolverOptions,
  type SolverResult,
} from "@denoise-rotator/manifold";
import type { DenoiseOptions } from "./denoise.js";
import { inDiagonalBlocks } from "./r1-blocks.js";
import type { ResolvedSettings } from "./settings.js";

type SolveOptions = Pick<DenoiseOptions, "seed" | "stop" | "onStep" | "resume" | "signal" | "r1Blocks">;

/**
 * Minimises from R1 `[hidden, hidden]` and the points after it, with R1 in `r1Blocks` diagonal blocks; in the result it is
 * whole. Takes ownership of the points.
 */
export async function solve(
  objective: OrthogonalObjective,
  [R1, ...others]: readonly [Tensor, ...Tensor[]],
  { solver, steps, learningRate }: ResolvedSettings,
  { r1Blocks: blocks = 1, ...options }: SolveOptions,
): Promise<SolverResult> {
  const points = [R1, ...others];
  try {
    const wanted = solverOptions(steps, learningRate, options);
    if (blocks === 1) return await solver.minimize(objective, points, wanted);
    points[0] = diagonalBlocks(R1, blocks);
    R1.dispose();
    const result = await solver.minimize(inDiagonalBlocks(objective, blocks), points, wanted);
    const [stack, ...rest] = result.points as [Tensor, ...Tensor[]];
    using parts = stack;
    return { ...result, points: [tidy(() => fromDiagonalBlocks(parts)), ...rest] };
  } finally {
    for (const point of points) point.dispose();
  }
}

/** Options that are given; what is left out keeps the solver's default. */
function solverOptions(
  steps: number,
  learningRate: number | undefined,
  { seed, stop, onStep, resume, signal }: SolveOptions,
): SolverOptions {
  return {
    steps,
    ...(learningRate === undefined ? {} : { learningRate }),
    ...(seed === undefined ? {} : { seed }),
    ...(stop ? { stop } : {}),
    ...(onStep ? { onStep } : {}),
    ...(resume ? { resume } : {}),
    ...(signal ? { signal } : {}),
  };
}
