import { type Answer, type Row, type Task, TaskError } from "./task.js";
import { fillTemplate, textsOf, valueOf } from "./template.js";

/** A row as a task asks it, without few-shot examples. */
export interface Example {
  /** What is asked; of kind `contexts` each its own, otherwise all the same. */
  readonly prompts: readonly string[];
  /** What answers, without the delimiter; of kind `contexts` all the same. */
  readonly targets: readonly string[];
  /** Whose lengths normalise: choices, contexts or the one continuation. */
  readonly choices: readonly string[];
  /** Index of the right one. */
  readonly answer: number;
}

/**
 * What a task makes of a row.
 *
 * @throws TaskError naming task and row where a column is missing, there are fewer than two choices, one is empty, or the
 *   answer is none of them.
 */
export function exampleOf(task: Task, row: Row, index: number): Example {
  try {
    return read(task, task.prepare ? task.prepare(row) : row);
  } catch (error) {
    const { message } = error as Error;
    throw new TaskError(`task ${task.name}, ${task.dataset.split} row ${index}: ${message}`, {
      cause: error,
    });
  }
}

function read(task: Task, row: Row): Example {
  if (task.kind === "continuation") {
    const target = fillTemplate(task.continuation, row);
    if (target === "") throw new TaskError("the continuation is empty");
    return { prompts: [fillTemplate(task.prompt, row)], targets: [target], choices: [target], answer: 0 };
  }
  const choices = textsOf(task.kind === "choices" ? task.choices : task.contexts, row);
  if (choices.length < 2) throw new TaskError(`there are ${choices.length} choices; 2 are needed at least`);
  const empty = choices.indexOf("");
  if (empty >= 0) throw new TaskError(`choice ${empty} is empty`);
  const answer = answerOf(task.answer, row, choices.length);
  if (task.kind === "choices") {
    const prompt = fillTemplate(task.prompt, row);
    return { prompts: choices.map(() => prompt), targets: choices, choices, answer };
  }
  const target = fillTemplate(task.continuation, row);
  if (target === "") throw new TaskError("the continuation is empty");
  return { prompts: choices, targets: choices.map(() => target), choices, answer };
}

function answerOf(answer: Answer, row: Row, count: number): number {
  if (typeof answer === "string") {
    const value = valueOf(answer, row);
    const index = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
    const number = typeof index === "bigint" || typeof index === "boolean" ? Number(index) : index;
    if (typeof number === "number" && Number.isInteger(number) && number >= 0 && number < count)
      return number;
    throw new TaskError(
      `the answer ${shown(value)} is none of the ${count} choices; does the split have answers?`,
    );
  }
  const value = fillTemplate(answer.value, row);
  const among = textsOf(answer.among, row);
  const index = among.indexOf(value);
  if (index >= 0 && index < count) return index;
  throw new TaskError(`the answer ${JSON.stringify(value)} is none of ${JSON.stringify(among)}`);
}

const shown = (value: unknown): string => (typeof value === "bigint" ? String(value) : JSON.stringify(value));
