import { DenoiseRotatorError } from "@denoise-rotator/core";
import type { Metric, MetricName } from "./metrics.js";

/** A row of a data set. */
export type Row = Readonly<Record<string, unknown>>;

/**
 * Text with columns in braces: `"Question: {goal}\nAnswer:"`; `{choices.text}` is a field of a column, `{{` a brace. A
 * template that is one column and nothing else may also stand for a list or a number.
 */
export type Template = string;

/** Where the rows of a task are. */
export interface TaskDataset {
  /** Name on the Hugging Face Hub, `owner/name`; of tasks of your own whatever finds the rows. */
  readonly id: string;
  /** Which of its configurations. */
  readonly config?: string;
  /** The files of the split, where its name alone does not tell them from others. */
  readonly files?: readonly string[];
  /** The split that is evaluated. */
  readonly split: string;
  /** The split that few-shot examples are from; without it the evaluated one, each row without itself. */
  readonly fewShotSplit?: string;
}

/** The right answer: its index, or a template for it, or the place of a value in a list. */
export type Answer = Template | { readonly value: Template; readonly among: Template };

interface TaskBase {
  readonly name: string;
  /** Changes whenever results do. */
  readonly version: string;
  /** Where the data and the way to ask are from. */
  readonly citation?: string;
  readonly dataset: TaskDataset;
  /** The rows of a split, of a task that brings its own; `dataset.id` is then no more than a name. */
  readonly rows?: (split: string) => Iterable<Row> | AsyncIterable<Row>;
  /** Makes the columns that templates name, where the data set does not have them as they are needed. */
  readonly prepare?: (row: Row) => Row;
  readonly metrics: readonly (MetricName | Metric)[];
  /** Between a prompt and what answers it; default a space. */
  readonly targetDelimiter?: string;
  /** After each few-shot example; default an empty line. */
  readonly fewShotDelimiter?: string;
}

/** Which of several continuations of one prompt is likeliest? */
export interface ChoiceTask extends TaskBase {
  readonly kind: "choices";
  readonly prompt: Template;
  /** Templates, or one that names a list. */
  readonly choices: readonly Template[] | Template;
  readonly answer: Answer;
}

/** After which of several contexts is one continuation likeliest? Partial scoring (Trinh and Le, arXiv 1806.02847). */
export interface ContextTask extends TaskBase {
  readonly kind: "contexts";
  readonly contexts: readonly Template[] | Template;
  readonly continuation: Template;
  readonly answer: Answer;
}

/** Does the model say just this after the prompt? */
export interface ContinuationTask extends TaskBase {
  readonly kind: "continuation";
  readonly prompt: Template;
  readonly continuation: Template;
}

/** A zero-shot or few-shot task, as data. */
export type Task = ChoiceTask | ContextTask | ContinuationTask;

/** A task, its data or a module of tasks that cannot be used as it is; the message names task, split and row. */
export class TaskError extends DenoiseRotatorError {
  constructor(message: string, options?: ErrorOptions) {
    super("TASK", message, options);
  }
}
