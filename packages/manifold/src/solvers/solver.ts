import type { Tensor } from "@denoise-rotator/core";

/** Value and Euclidean gradients at orthogonal points; each point `[n, n]` or a stack `[b, n, n]`. Must be finite. */
export interface OrthogonalObjective {
  /** What errors call it. */
  readonly name: string;
  /** `gradients` are shaped as the points; the caller disposes of them. Points stay the caller's. */
  evaluate(points: readonly Tensor[]): Promise<{ value: number; gradients: Tensor[] }>;
}

export interface SolverOptions {
  readonly steps: number;
  /** Default: the solver's. */
  readonly learningRate?: number;
  /** After each step (counted from 1), with the value it led to. */
  readonly onStep?: (info: { step: number; value: number; best: number }) => void;
  /** Aborting rejects with the signal's reason, before the next evaluation. */
  readonly signal?: AbortSignal;
}

export interface SolverResult {
  /** The best seen, as handles of their own: the caller disposes. */
  readonly points: Tensor[];
  /** Value at the start. */
  readonly start: number;
  readonly best: number;
  readonly steps: number;
  /** Values before each step and after the last: steps + 1. */
  readonly trace: number[];
}

/** Learns orthogonal matrices. `start` stays the caller's. */
export interface Solver {
  readonly name: string;
  /**
   * @throws NonFiniteError naming objective and step if a value or gradient is NaN or infinite; OptionError for steps that
   *   are no integer ≥ 0 or a learning rate that is not positive.
   */
  minimize(
    objective: OrthogonalObjective,
    start: readonly Tensor[],
    options: SolverOptions,
  ): Promise<SolverResult>;
}
