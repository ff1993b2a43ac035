import { NonFiniteError, OptionError, type Tensor } from "@denoise-rotator/core";
import { disposeAll, jointNorm } from "../tensors.js";
import type { OrthogonalObjective, SolverOptions, SolverResult } from "./solver.js";

/** What tells one solver from another; owns its tensors. */
export interface Iteration {
  /** Where the objective is evaluated. Replaced by `advance`, which disposes of the old ones. */
  readonly points: readonly Tensor[];
  /** One step, t from 0, given Euclidean gradients at `points` and their joint norm. Leaves no temporaries. */
  advance(gradients: readonly Tensor[], norm: number, t: number): void;
  dispose(): void;
}

/** The loop that solvers share: evaluate, check, keep the best, step; steps + 1 evaluations. */
export async function descend(
  objective: OrthogonalObjective,
  iteration: Iteration,
  options: SolverOptions,
): Promise<SolverResult> {
  const { steps, onStep, signal } = options;
  const trace: number[] = [];
  let best = { value: Number.POSITIVE_INFINITY, points: [] as Tensor[] };
  try {
    for (let t = 0; ; t++) {
      signal?.throwIfAborted();
      const { value, gradients } = await objective.evaluate(iteration.points);
      try {
        checkFinite(objective, "value", value, t);
        trace.push(value);
        if (value < best.value) {
          disposeAll(best.points);
          best = { value, points: iteration.points.map((point) => point.alias()) };
        }
        if (t > 0) onStep?.({ step: t, value, best: best.value });
        if (t === steps) return { points: best.points, start: trace[0]!, best: best.value, steps, trace };
        const norm = await jointNorm(gradients);
        checkFinite(objective, "gradient norm", norm, t);
        iteration.advance(gradients, norm, t);
      } finally {
        disposeAll(gradients);
      }
    }
  } catch (error) {
    disposeAll(best.points);
    throw error;
  } finally {
    iteration.dispose();
  }
}

function checkFinite(objective: OrthogonalObjective, what: string, value: number, step: number): void {
  if (!Number.isFinite(value)) {
    throw new NonFiniteError(`the ${objective.name} objective has ${what} ${value} at step ${step}`);
  }
}

/** Throws OptionError unless steps is an integer ≥ 0 and the learning rate positive. */
export function checkSettings(solver: string, steps: number, learningRate: number): void {
  if (!Number.isInteger(steps) || steps < 0)
    throw new OptionError(`${solver}: steps ${steps} is not an integer ≥ 0`);
  if (!(learningRate > 0 && learningRate < Number.POSITIVE_INFINITY)) {
    throw new OptionError(`${solver}: learning rate ${learningRate} is not > 0`);
  }
}
