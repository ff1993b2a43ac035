import { readFile } from "node:fs/promises";
import { OptionError } from "@denoise-rotator/core";
import { evaluationVersion, type ModelEvaluation } from "./evaluate-model.js";

/**
 * What `eval --json` wrote of one model.
 *
 * @throws OptionError naming the file and what is wrong with it.
 */
export async function readEvaluation(path: string): Promise<ModelEvaluation> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw new OptionError(`${path}: cannot be read as JSON (${(error as Error).message})`);
  }
  const { schemaVersion, model, tasks, models } = (content ?? {}) as Partial<ModelEvaluation> & {
    models?: unknown[];
  };
  if (Array.isArray(models)) {
    throw new OptionError(
      `${path}: holds ${models.length} models; evaluate one a file, with --json --samples`,
    );
  }
  if (schemaVersion !== evaluationVersion || typeof model !== "string" || !Array.isArray(tasks)) {
    throw new OptionError(`${path}: is not what eval --json writes (schema ${evaluationVersion})`);
  }
  return content as ModelEvaluation;
}
