import { OptionError } from "@denoise-rotator/core";
import { type Example, exampleOf } from "./example.js";
import { PythonRandom } from "./python-random.js";
import { type Row, type Task, TaskError } from "./task.js";

/** How few-shot examples are taken: random ones for each row, or the first rows, the same for all. */
export const samplers = ["random", "first"] as const;
export type Sampler = (typeof samplers)[number];

export interface FewShotOptions {
  /** Examples before each row; default 0. */
  readonly count?: number;
  /** Default `random`, as in lm-evaluation-harness; `first` is its `first_n`. */
  readonly sampler?: Sampler;
  /** Of the sampler `random`, below 2³²; default 1234. The rows are those that the harness draws by this seed. */
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
  { count = 0, sampler = "random", seed = 1234 }: FewShotOptions,
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
  const drawn = sampler === "random" ? drawRows(task, pool.length, own, count, seed) : undefined;
  return (index) => {
    const rows = drawn?.(index) ?? firstRows(count, own ? index : undefined);
    return rows.map(text).join("");
  };
}

/** The first rows but for `without`. */
function firstRows(count: number, without: number | undefined): number[] {
  const rows: number[] = [];
  for (let row = 0; rows.length < count; row++) if (row !== without) rows.push(row);
  return rows;
}

/**
 * Draws for one row after another, by one generator: a limit changes nothing for the rows it leaves. Where a data set has no
 * test split the harness draws one more than it takes, lest the row itself be among them; so do we, and where the examples are
 * from the evaluated rows.
 */
function drawRows(task: Task, total: number, own: boolean, count: number, seed: number) {
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new OptionError(`seed ${seed} is not an integer in 0…2³² − 1`);
  }
  const random = new PythonRandom(seed);
  const spare = own || task.dataset.split !== "test" ? 1 : 0;
  const drawn: number[][] = [];
  return (index: number): number[] => {
    while (drawn.length <= index) {
      const row = drawn.length;
      const rows = random.sample(total, Math.min(total, count + spare));
      drawn.push(rows.filter((other) => !(own && other === row)).slice(0, count));
    }
    return drawn[index]!;
  };
}

function shotText(task: Task, { prompts, targets, answer }: Example): string {
  const { targetDelimiter = " ", fewShotDelimiter = "\n\n" } = task;
  return prompts[answer]! + targetDelimiter + targets[answer]! + fewShotDelimiter;
}
