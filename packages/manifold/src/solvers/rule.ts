import type { Tensor } from "@denoise-rotator/core";

/** Tensors of a run by name, each with one entry for each point. */
export type RunTensors = Readonly<Record<string, readonly Tensor[]>>;

/** What tells one solver from another: how a state follows from the one before. Both functions run inside `tidy`. */
export interface Rule<S extends RunTensors = RunTensors> {
  /** The state of a run that begins at `start`; all its handles are new. */
  begin(start: readonly Tensor[]): S;
  /** Where the objective is evaluated. */
  points(state: S): readonly Tensor[];
  /** The state after one step, t from 0, given Euclidean gradients at `points`; all its handles are new. */
  advance(state: S, gradients: readonly Tensor[], t: number): S;
}

/** The rule of a linearly annealed step: lr·max(0.01, 1 − t/steps). */
export const annealed =
  (learningRate: number, steps: number) =>
  (t: number): number =>
    learningRate * Math.max(0.01, 1 - t / steps);
