import { OptionError, Random } from "@denoise-rotator/core";
import { type Example, exampleOf } from "./example.js";
import { type Row, type Task, TaskError } from "./task.js";

/** How few-shot examples are taken: the first rows, the same for all, or random ones for each row. */
export const samplers = ["first", "random"] as const;
export type Sampler = (typeof samplers)[number];

export interface FewShotOptions {
  /** Examples before each row; default 0. */
  readonly count?: number;
  /** Default `first`, which is `first_n` of lm-evaluation-harness. */
  readonly sampler?: Sampler;
  /** Of the sampler `random`; default 1234. Not Python's generator: other rows than the harness draws. */
  readonly seed?: number;
}

/** The text of the examples before row `index`. */
export type Shots = (index: number) => string;

/**
 * @param pool rows to take examples from. @param own whether they are the evaluated rows, so that row i is left out for i.
 * @throws TaskError where there are too few rows.
 */
export function fewShots(
  task: Task,
  pool: readonly Row[],
  own: boolean,
  { count = 0, sampler = "first", seed = 1234 }: FewShotOptions,
): Shots {
  if (!Number.isInteger(count) || count < 0)
    throw new OptionError(`fewShot ${count} is not a number of examples`);
  if (count === 0) return () => "";
  const usable = pool.length - (own ? 1 : 0);
  if (usable < count) {
    const { fewShotSplit = task.dataset.split } = task.dataset;
    throw new TaskError(
      `task ${task.name}: ${count} few-shot examples are asked for, split ${fewShotSplit} has ${Math.max(0, usable)} rows to take them from`,
    );
  }
  const texts = new Map<number, string>();
  const text = (row: number) => {
    if (!texts.has(row)) texts.set(row, shotText(task, exampleOf(task, pool[row]!, row)));
    return texts.get(row)!;
  };
  return (index) => {
    const rows = sampler === "random" ? randomRows(pool.length, count, seed, index, own) : [];
    for (let row = 0; rows.length < count; row++) if (!(own && row === index)) rows.push(row);
    return rows.map(text).join("");
  };
}

/** Distinct rows, by a generator of their own for each evaluated row, so that `limit` changes none of them. */
function randomRows(total: number, count: number, seed: number, index: number, own: boolean): number[] {
  const random = new Random(seed, index);
  const taken = new Set<number>();
  while (taken.size < count) {
    const row = random.integer(total);
    if (!(own && row === index)) taken.add(row);
  }
  return [...taken];
}

function shotText(task: Task, { prompts, targets, answer }: Example): string {
  const { targetDelimiter = " ", fewShotDelimiter = "\n\n" } = task;
  return prompts[answer]! + targetDelimiter + targets[answer]! + fewShotDelimiter;
}
