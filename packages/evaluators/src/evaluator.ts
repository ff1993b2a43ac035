import type { LogLikelihoodOptions } from "@denoise-rotator/contracts";
import { evaluateTask, type MetricResult, type RowSource, type Subject } from "./tasks/evaluate-task.js";
import type { FewShotOptions } from "./tasks/few-shot.js";
import type { Task } from "./tasks/task.js";

export interface EvaluatorOptions extends LogLikelihoodOptions {
  readonly source: RowSource;
  /** Examples at most; default all. */
  readonly limit?: number;
  readonly fewShot?: FewShotOptions;
  /** Keep what every example came to; default false. */
  readonly samples?: boolean;
}

/** What an evaluator found. Tasks say more, see `TaskResult`. */
export interface EvaluationResult {
  readonly task: string;
  readonly version: string;
  /** Examples that were evaluated. */
  readonly rows: number;
  readonly metrics: Readonly<Record<string, MetricResult>>;
  /** Whether a limit left examples out. */
  readonly limited?: boolean;
  /** Requests whose contexts did not fit, and the tokens cut from their left. */
  readonly truncated?: { readonly requests: number; readonly ofRequests: number; readonly tokens: number };
  /** By example and metric; what `compare` pairs. */
  readonly samples?: readonly { readonly row: number; readonly values: Readonly<Record<string, number>> }[];
}

/** Whatever measures a model. */
export interface Evaluator {
  readonly name: string;
  readonly version: string;
  evaluate(subject: Subject, options: EvaluatorOptions): Promise<EvaluationResult>;
}

export const taskEvaluator = (task: Task): Evaluator => ({
  name: task.name,
  version: task.version,
  evaluate: (subject, options) => evaluateTask(subject, task, options),
});
