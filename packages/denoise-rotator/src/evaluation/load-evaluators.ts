import { isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import {
  type Evaluator,
  evaluatorsOf,
  findTask,
  TaskError,
  taskEvaluator,
} from "@denoise-rotator/evaluators";

/** Names of tasks, or paths of modules that export evaluators (see `evaluatorsOf`). */
export async function loadEvaluators(names: readonly string[]): Promise<Evaluator[]> {
  const evaluators: Evaluator[] = [];
  for (const name of names) {
    if (/[./\\]/.test(name)) evaluators.push(...(await fromModule(name)));
    else evaluators.push(taskEvaluator(findTask(name)));
  }
  const twice = evaluators.find(({ name }, i) => evaluators.findIndex((other) => other.name === name) < i);
  if (twice) throw new TaskError(`--tasks: ${twice.name} is there twice; give yours a name of its own`);
  return evaluators;
}

async function fromModule(name: string): Promise<Evaluator[]> {
  const path = isAbsolute(name) ? name : resolve(name);
  let module: { default?: unknown };
  try {
    module = await import(pathToFileURL(path).href);
  } catch (error) {
    throw new TaskError(`--tasks ${name}: the module cannot be loaded (${(error as Error).message})`, {
      cause: error,
    });
  }
  return evaluatorsOf(module.default, `--tasks ${name}`);
}
