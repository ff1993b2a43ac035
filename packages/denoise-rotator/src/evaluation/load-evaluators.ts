import { isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import {
  type Evaluator,
  evaluatorsOf,
  findProtocol,
  findTask,
  type ProtocolOptions,
  protocolEvaluator,
  TaskError,
  taskEvaluator,
} from "@denoise-rotator/evaluators";
import type { FetchOptions } from "../pipeline/fetch-options.js";
import { protocolRows } from "./protocol-rows.js";

/** How protocols are run, and where their rows are. */
export interface ProtocolSettings extends Omit<ProtocolOptions, "rows"> {
  /** A folder; without one the Hub. */
  readonly data?: string | undefined;
  readonly hub?: FetchOptions;
}

/** Names of protocols or tasks, or paths of modules that export evaluators (see `evaluatorsOf`). */
export async function loadEvaluators(
  names: readonly string[],
  { data, hub = {}, ...settings }: ProtocolSettings = {},
): Promise<Evaluator[]> {
  const evaluators: Evaluator[] = [];
  for (const name of names) {
    const protocol = findProtocol(name);
    if (protocol) {
      const rows = () => protocolRows(protocol, data, hub);
      evaluators.push(protocolEvaluator(protocol, { ...settings, rows }));
    } else if (/[./\\]/.test(name)) evaluators.push(...(await fromModule(name)));
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
