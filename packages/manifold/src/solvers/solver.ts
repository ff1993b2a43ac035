import type { DType, Tensor, TypedArray } from "@denoise-rotator/core";

/** Where in a run an objective is evaluated: what sampling and annealing inside an objective depend on. */
export interface EvaluationStep {
  /** 0 … steps. */
  readonly step: number;
  /** The budget. The last evaluation, at `step === steps`, must be exact. */
  readonly steps: number;
  readonly seed: number;
}

export interface Evaluation {
  readonly value: number;
  /** Shaped as the points; the caller disposes of them. */
  readonly gradients: Tensor[];
  /** Whether value and gradients are the objective's own (default), or an estimate that cannot become the best. */
  readonly exact?: boolean;
}

/** Value and Euclidean gradients at orthogonal points; each point `[n, n]` or a stack `[b, n, n]`. Must be finite. */
export interface OrthogonalObjective {
  /** What errors call it. */
  readonly name: string;
  /** Points stay the caller's. The same points and the same `at` give the same bytes. Without `at`: exact. */
  evaluate(points: readonly Tensor[], at?: EvaluationStep): Promise<Evaluation>;
}

/**
 * Ends a run before its budget when the best value has improved by less than tolerance·|best| over `window` steps. Estimates
 * do not count. Under an annealed step, as in `muon`, the last steps are where most of the gain is: stop late or not at all.
 */
export interface StoppingRule {
  readonly tolerance: number;
  readonly window: number;
}

/** What a run tells after each step. */
export interface StepInfo {
  /** From 1. */
  readonly step: number;
  /** The value that the step led to. */
  readonly value: number;
  /** Lowest exact value so far; infinite before the first. */
  readonly best: number;
  /** The whole state of the run, to be resumed from. To be called before the callback settles. */
  checkpoint(): Promise<SolverState>;
}

export interface SolverOptions {
  /** Most steps taken; schedules span them. */
  readonly steps: number;
  /** Default: the solver's. */
  readonly learningRate?: number;
  /** What objectives that sample draw from. Default 0. */
  readonly seed?: number;
  /** Default: the whole budget is used. */
  readonly stop?: StoppingRule;
  /** After each step; a promise is awaited. */
  readonly onStep?: (info: StepInfo) => unknown;
  /**
   * A checkpoint of a run with the same solver, settings and seed, which continues as if it had never stopped: the same
   * bytes. `start` then only tells where tensors live.
   */
  readonly resume?: SolverState;
  /** Aborting rejects with the signal's reason, before the next evaluation. */
  readonly signal?: AbortSignal;
}

export interface SolverResult {
  /** The best seen, as handles of their own: the caller disposes. */
  readonly points: Tensor[];
  /** Value at the start. */
  readonly start: number;
  readonly best: number;
  /** Steps taken. */
  readonly steps: number;
  /** Why it ended. */
  readonly stopped: "budget" | "converged";
  /** Values before each step and after the last: steps + 1. */
  readonly trace: number[];
}

/** A tensor on the host, row-major. */
export interface HostArray {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly data: TypedArray;
}

/** A solver's state between two steps, on the host: plain data that structured cloning and files can carry. */
export interface SolverState {
  readonly version: 1;
  readonly solver: string;
  /** Everything a step depends on besides the state; resuming must repeat it. */
  readonly settings: Readonly<Record<string, number>>;
  /** Steps taken. */
  readonly step: number;
  /** Values before each of them and after the last: step + 1. */
  readonly trace: readonly number[];
  /** Evaluations from this step on were exact. */
  readonly exactFrom: number;
  /** `undefined` before the first exact evaluation. */
  readonly best: { readonly value: number; readonly points: readonly HostArray[] } | undefined;
  /** Points, momenta and whatever else the solver keeps, one array for each point. */
  readonly tensors: Readonly<Record<string, readonly HostArray[]>>;
}

/** Learns orthogonal matrices. `start` stays the caller's. */
export interface Solver {
  readonly name: string;
  /** Budget that suits the default learning rate. */
  readonly defaultSteps?: number;
  /**
   * @throws NonFiniteError naming objective and step if a value or gradient is NaN or infinite; OptionError for steps that
   *   are no integer ≥ 0, a learning rate that is not positive, or a checkpoint of another run.
   */
  minimize(
    objective: OrthogonalObjective,
    start: readonly Tensor[],
    options: SolverOptions,
  ): Promise<SolverResult>;
}
