import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { openDataset } from "@denoise-rotator/datasets";
import { type Row, type RowSource, type Task, TaskError } from "@denoise-rotator/evaluators";
import { continuationRows } from "@denoise-rotator/tiny-llama";
import type { FetchOptions } from "../pipeline/fetch-options.js";

/**
 * Rows of tasks: embedded ones from the embedded text, others from `<folder>/<task>/`, as parquet, JSON lines or JSON, or where no
 * folder is given from the Hugging Face Hub and its cache.
 *
 * Its rows throw TaskError, DatasetError or HubError naming folder or repository, split, and what there is instead.
 */
export const rowSource = (folder?: string, hub: FetchOptions = {}): RowSource => ({
  async *rows(task: Task, split: string): AsyncGenerator<Row> {
    const { id, config, files } = task.dataset;
    if (id === "embedded") {
      if (split !== "test") throw new TaskError(`task ${task.name}: has a split test and no ${split}`);
      for (const row of await continuationRows()) yield { ...row };
      return;
    }
    const dataset =
      folder === undefined
        ? await openDataset(id, { split, config, files, hub })
        : await openDataset(await folderOf(folder, task.name), { split });
    yield* dataset.rows();
  },
});

async function folderOf(folder: string, task: string): Promise<string> {
  const inner = join(folder, task);
  if ((await stat(inner).catch(() => undefined))?.isDirectory()) return inner;
  const there = (await readdir(folder).catch(() => undefined))?.sort();
  const found = there ? `${folder} holds ${there.slice(0, 10).join(", ") || "nothing"}` : "it does not exist";
  throw new TaskError(`task ${task}: --data ${folder} needs a folder ${task} with its rows; ${found}`);
}
