import { NonFiniteError, OptionError, type Tensor, tidy } from "@denoise-rotator/core";
import { disposeAll, jointNorm } from "../tensors.js";
import { exportState, importState } from "./checkpoint.js";
import type { Rule, RunTensors } from "./rule.js";
import type { Evaluation, OrthogonalObjective, SolverOptions, SolverResult } from "./solver.js";

/** A run between two steps. */
export interface Run {
  tensors: RunTensors;
  best: { value: number; points: Tensor[] };
  readonly trace: number[];
  /** Evaluations from this step on were exact. */
  exactFrom: number;
  step: number;
}

/** What identifies a run besides its tensors. */
export interface RunIdentity {
  readonly solver: string;
  readonly settings: Readonly<Record<string, number>>;
}

/**
 * The loop that solvers share: evaluate, check, keep the best, step; steps + 1 evaluations. A resumed run evaluates its
 * last points once more.
 */
export async function descend<S extends RunTensors>(
  objective: OrthogonalObjective,
  rule: Rule<S>,
  start: readonly Tensor[],
  identity: RunIdentity,
  options: SolverOptions,
): Promise<SolverResult> {
  const { steps, onStep, signal, seed = 0, resume } = options;
  const named = { ...identity, settings: { ...identity.settings, steps, seed } };
  const run: Run = resume
    ? importState(resume, named, start)
    : {
        tensors: tidy((): RunTensors => rule.begin(start)),
        best: { value: Number.POSITIVE_INFINITY, points: [] },
        trace: [],
        exactFrom: 0,
        step: 0,
      };
  try {
    for (; ; run.step++) {
      signal?.throwIfAborted();
      const points = rule.points(run.tensors as S);
      const evaluation = await objective.evaluate(points, { step: run.step, steps, seed });
      try {
        checkFinite(objective, "value", evaluation.value, run.step);
        const isNew = run.trace.length === run.step;
        keep(run, points, evaluation);
        if (isNew && run.step > 0) {
          const info = { step: run.step, value: evaluation.value, best: run.best.value };
          await onStep?.({ ...info, checkpoint: () => exportState(run, named) });
        }
        const converged = hasConverged(run, options);
        if (run.step === steps || converged) return finish(run, converged && run.step < steps);
        checkFinite(objective, "gradient norm", await jointNorm(evaluation.gradients), run.step);
        replace(run, () => rule.advance(run.tensors as S, evaluation.gradients, run.step));
      } finally {
        disposeAll(evaluation.gradients);
      }
    }
  } catch (error) {
    disposeAll(run.best.points);
    throw error;
  } finally {
    disposeAll(Object.values(run.tensors).flat());
  }
}

function keep(run: Run, points: readonly Tensor[], { value, exact = true }: Evaluation): void {
  if (run.trace.length === run.step) run.trace.push(value);
  if (!exact) run.exactFrom = run.step + 1;
  if (!exact || !(value < run.best.value)) return;
  disposeAll(run.best.points);
  run.best = { value, points: points.map((point) => point.alias()) };
}

function replace(run: Run, next: () => RunTensors): void {
  const tensors = tidy(next);
  disposeAll(Object.values(run.tensors).flat());
  run.tensors = tensors;
}

/** Compares the best of the exact part of the trace with the best up to `window` steps ago. */
function hasConverged({ trace, exactFrom, best }: Run, { stop }: SolverOptions): boolean {
  if (!stop) return false;
  const earlier = trace.slice(exactFrom, Math.max(0, trace.length - stop.window));
  if (earlier.length === 0) return false;
  const before = earlier.reduce((a, b) => Math.min(a, b));
  return before - best.value < stop.tolerance * Math.abs(best.value);
}

const finish = ({ best, trace, step }: Run, converged: boolean): SolverResult => ({
  points: best.points,
  start: trace[0]!,
  best: best.value,
  steps: step,
  stopped: converged ? "converged" : "budget",
  trace,
});

function checkFinite(objective: OrthogonalObjective, what: string, value: number, step: number): void {
  if (!Number.isFinite(value)) {
    throw new NonFiniteError(`the ${objective.name} objective has ${what} ${value} at step ${step}`);
  }
}

/** Throws OptionError unless steps is an integer ≥ 0, the learning rate positive, and the stopping rule sensible. */
export function checkSettings(
  solver: string,
  { steps, stop }: Pick<SolverOptions, "steps" | "stop">,
  learningRate: number,
): void {
  if (!Number.isInteger(steps) || steps < 0)
    throw new OptionError(`${solver}: steps ${steps} is not an integer ≥ 0`);
  if (!(learningRate > 0 && learningRate < Number.POSITIVE_INFINITY)) {
    throw new OptionError(`${solver}: learning rate ${learningRate} is not > 0`);
  }
  if (stop && !(Number.isInteger(stop.window) && stop.window > 0 && stop.tolerance >= 0)) {
    throw new OptionError(`${solver}: stop needs a window of at least 1 step and a tolerance ≥ 0`);
  }
}
