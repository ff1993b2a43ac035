import type {
  ContinuationRequest,
  ContinuationScore,
  LanguageModel,
  LogLikelihoodOptions,
} from "@denoise-rotator/contracts";
import { NonFiniteError, OptionError } from "@denoise-rotator/core";
import { pairEncoder, type TextTokenizer } from "./encode-pair.js";
import { type Example, exampleOf } from "./example.js";
import { type FewShotOptions, fewShots, type Sampler, type Shots } from "./few-shot.js";
import { type Estimate, type Metric, meanEstimate, metrics, type Outcome } from "./metrics.js";
import { type Row, type Task, type TaskDataset, TaskError } from "./task.js";

/** A model, and how texts become its tokens. */
export interface Subject {
  readonly model: LanguageModel;
  readonly tokenizer: TextTokenizer;
  /** The token that stands for an empty context: the one texts begin with, or the one they end with. */
  readonly prefixToken: number;
}

/** Where rows come from: a folder, the Hub, memory. */
export interface RowSource {
  /** The rows of a split, in order. Throws an error that says what there is instead where there is none. */
  rows(task: Task, split: string): AsyncIterable<Row>;
}

export interface EvaluateTaskOptions extends LogLikelihoodOptions {
  readonly source: RowSource;
  /** Rows at most, from the first on; default all. */
  readonly limit?: number;
  readonly fewShot?: FewShotOptions;
  /** Keep what every row came to; default false. */
  readonly samples?: boolean;
}

export interface MetricResult extends Estimate {
  readonly higherIsBetter: boolean;
}

/** What one row came to. */
export interface TaskSample {
  readonly row: number;
  readonly answer: number;
  readonly scores: readonly ContinuationScore[];
  /** By metric. */
  readonly values: Readonly<Record<string, number>>;
}

export interface TaskResult {
  readonly task: string;
  readonly version: string;
  readonly dataset: TaskDataset;
  /** Rows that were evaluated. */
  readonly rows: number;
  /** Whether a limit left rows out. */
  readonly limited: boolean;
  readonly fewShot: { readonly count: number; readonly sampler: Sampler; readonly seed: number };
  readonly metrics: Readonly<Record<string, MetricResult>>;
  /** Requests whose contexts did not fit, and the tokens cut from their left. */
  readonly truncated: { readonly requests: number; readonly ofRequests: number; readonly tokens: number };
  readonly samples?: readonly TaskSample[];
}

/**
 * Evaluates a model on a task. All requests go to `scoreContinuations` at once, which batches them by length.
 *
 * @throws TaskError naming task, split and row; OptionError where the model cannot score continuations; NonFiniteError
 *   naming task and row.
 */
export async function evaluateTask(
  subject: Subject,
  task: Task,
  options: EvaluateTaskOptions,
): Promise<TaskResult> {
  const { model } = subject;
  if (!model.scoreContinuations) {
    throw new OptionError(
      `${model.name}: has no scoreContinuations, which task ${task.name} needs; implement it`,
    );
  }
  const { rows, limited } = await rowsOf(task, options);
  const shots = await shotsOf(task, rows, options);
  const examples = rows.map((row, index) => exampleOf(task, row, index));
  const requests = encodeExamples(subject, task, examples, shots);
  const { onProgress, signal } = options;
  const scores = await model.scoreContinuations(requests, {
    ...(onProgress ? { onProgress } : {}),
    ...(signal ? { signal } : {}),
  });
  const outcomes = regroup(task, examples, scores);
  const { count = 0, sampler = "random", seed = 1234 } = options.fewShot ?? {};
  return {
    task: task.name,
    version: task.version,
    dataset: task.dataset,
    rows: rows.length,
    limited,
    fewShot: { count, sampler, seed },
    ...measure(task, outcomes, options.samples ?? false),
    truncated: {
      requests: scores.filter(({ dropped }) => dropped > 0).length,
      ofRequests: scores.length,
      tokens: scores.reduce((sum, { dropped }) => sum + dropped, 0),
    },
  };
}

const rowsFrom = (task: Task, split: string, source: RowSource) =>
  task.rows ? task.rows(split) : source.rows(task, split);

async function rowsOf(task: Task, { source, limit }: EvaluateTaskOptions) {
  if (limit !== undefined && !(limit >= 1)) throw new OptionError(`limit ${limit} is below 1`);
  const rows: Row[] = [];
  for await (const row of rowsFrom(task, task.dataset.split, source)) {
    if (rows.length === limit) return { rows, limited: true };
    rows.push(row);
  }
  if (rows.length === 0) throw new TaskError(`task ${task.name}: split ${task.dataset.split} has no rows`);
  return { rows, limited: false };
}

async function shotsOf(
  task: Task,
  rows: readonly Row[],
  { source, fewShot = {} }: EvaluateTaskOptions,
): Promise<Shots> {
  if ((fewShot.count ?? 0) === 0) return () => "";
  const { split, fewShotSplit = split } = task.dataset;
  const own = fewShotSplit === split;
  if (own) return fewShots(task, rows, true, fewShot);
  const pool: Row[] = [];
  for await (const row of rowsFrom(task, fewShotSplit, source)) pool.push(row);
  return fewShots(task, pool, false, fewShot);
}

function encodeExamples(
  { model, tokenizer, prefixToken }: Subject,
  task: Task,
  examples: readonly Example[],
  shots: Shots,
): ContinuationRequest[] {
  const encoder = pairEncoder(tokenizer, prefixToken);
  const delimiter = task.targetDelimiter ?? " ";
  return examples.flatMap(({ prompts, targets }, row) => {
    const before = shots(row);
    return prompts.map((prompt, i) => {
      const request = encoder.encode(before + prompt, delimiter + targets[i]!);
      const { length } = request.continuation;
      if (length >= 1 && length <= model.contextLength) return request;
      throw new TaskError(
        `task ${task.name}, ${task.dataset.split} row ${row}: choice ${i} has ${length} tokens where ${model.name} takes 1 to ${model.contextLength}`,
      );
    });
  });
}

function regroup(task: Task, examples: readonly Example[], scores: readonly ContinuationScore[]): Outcome[] {
  let next = 0;
  return examples.map(({ prompts, choices, answer }, row) => {
    const own = scores.slice(next, next + prompts.length);
    next += prompts.length;
    const bad = own.find(({ logLikelihood }) => !Number.isFinite(logLikelihood));
    if (bad || own.length < prompts.length) {
      throw new NonFiniteError(
        `task ${task.name}, ${task.dataset.split} row ${row}: the model gave ${bad?.logLikelihood ?? "no score"}`,
      );
    }
    return { scores: own, choices, answer };
  });
}

function measure(task: Task, outcomes: readonly Outcome[], keep: boolean) {
  const used: readonly Metric[] = task.metrics.map((metric) =>
    typeof metric === "string" ? metrics[metric] : metric,
  );
  const values = used.map((metric) =>
    outcomes.map((outcome, row) => finiteValue(task, metric, outcome, row)),
  );
  const results: Record<string, MetricResult> = {};
  for (const [i, { name, higherIsBetter, aggregate = meanEstimate }] of used.entries()) {
    results[name] = { ...aggregate(values[i]!), higherIsBetter };
  }
  if (!keep) return { metrics: results };
  const samples = outcomes.map(({ scores, answer }, row): TaskSample => {
    const own = Object.fromEntries(used.map(({ name }, i) => [name, values[i]![row]!]));
    return { row, answer, scores, values: own };
  });
  return { metrics: results, samples };
}

function finiteValue(task: Task, metric: Metric, outcome: Outcome, row: number): number {
  const value = metric.value(outcome);
  if (Number.isFinite(value)) return value;
  throw new NonFiniteError(`task ${task.name}, row ${row}: metric ${metric.name} is ${value}`);
}
