import { type Evaluator, taskEvaluator } from "./evaluator.js";
import { type Metric, metricNames, metrics } from "./tasks/metrics.js";
import { findTask } from "./tasks/registry.js";
import { type Task, TaskError } from "./tasks/task.js";

/** What a module of evaluators may build on, without importing this package. */
export interface PlugInLibrary {
  readonly findTask: (name: string) => Task;
  readonly metrics: Readonly<Record<string, Metric>>;
}

/** What a module may export by default: tasks as data, evaluators with a method, or a function that gives them. */
export type PlugIn = Task | Evaluator | readonly (Task | Evaluator)[] | ((library: PlugInLibrary) => PlugIn);

/**
 * The evaluators that a module exports by default.
 *
 * @param where the module, for messages.
 * @throws TaskError naming the module, the evaluator and what is wrong with it.
 */
export function evaluatorsOf(exported: unknown, where: string): Evaluator[] {
  const given = typeof exported === "function" ? exported({ findTask, metrics }) : exported;
  const list = Array.isArray(given) ? given : [given];
  if (list.length === 0) throw new TaskError(`${where}: exports an empty list by default`);
  return list.map((entry) => evaluatorOf(entry, where));
}

function evaluatorOf(entry: unknown, where: string): Evaluator {
  if (typeof entry !== "object" || entry === null) {
    throw new TaskError(
      `${where}: has no default export that is a task, an evaluator, a list of them or a function`,
    );
  }
  const fields = entry as Record<string, unknown>;
  for (const name of ["name", "version"]) {
    if (typeof fields[name] !== "string" || fields[name] === "") {
      throw new TaskError(`${where}: its default export has no ${name}; give it a text`);
    }
  }
  if (typeof fields.evaluate === "function") return entry as Evaluator;
  checkTask(fields, `${where}: ${fields.name}`);
  return taskEvaluator(entry as Task);
}

const kinds: Record<string, readonly string[]> = {
  choices: ["prompt", "choices", "answer"],
  contexts: ["contexts", "continuation", "answer"],
  continuation: ["prompt", "continuation"],
};

function checkTask(task: Record<string, unknown>, what: string): void {
  const needed = kinds[String(task.kind)];
  if (!needed) {
    throw new TaskError(
      `${what}: has no method evaluate, and its kind is none of ${Object.keys(kinds).join(", ")}`,
    );
  }
  const missing = needed.filter((name) => task[name] === undefined);
  if (missing.length > 0) throw new TaskError(`${what}: of kind ${task.kind}, has no ${missing.join(", ")}`);
  const dataset = task.dataset as Record<string, unknown> | undefined;
  if (typeof dataset?.id !== "string" || typeof dataset.split !== "string") {
    throw new TaskError(`${what}: has no dataset with id and split`);
  }
  if (!Array.isArray(task.metrics) || task.metrics.length === 0)
    throw new TaskError(`${what}: has no metrics`);
  for (const metric of task.metrics) checkMetric(metric, what);
}

function checkMetric(metric: unknown, what: string): void {
  if (typeof metric === "string") {
    if (metricNames.some((name) => name === metric)) return;
    throw new TaskError(
      `${what}: there is no metric "${metric}"; there are ${metricNames.join(", ")}, and objects of yours`,
    );
  }
  const { name, higherIsBetter, value } = (metric ?? {}) as Record<string, unknown>;
  if (typeof name !== "string" || typeof higherIsBetter !== "boolean" || typeof value !== "function") {
    throw new TaskError(`${what}: a metric needs name, higherIsBetter and value(outcome)`);
  }
}
