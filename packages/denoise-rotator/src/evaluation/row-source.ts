import { type Row, type RowSource, type Task, TaskError } from "@denoise-rotator/evaluators";
import { continuationRows } from "@denoise-rotator/tiny-llama";
import { localRows } from "./local-rows.js";

/** Rows of embedded tasks, and of all others from `folder`. */
export const rowSource = (folder: string | undefined): RowSource => ({
  async *rows(task: Task, split: string): AsyncGenerator<Row> {
    if (task.dataset.id === "embedded") {
      if (split !== "test") throw new TaskError(`task ${task.name}: has a split test and no ${split}`);
      for (const row of await continuationRows()) yield { ...row };
      return;
    }
    if (folder === undefined) {
      const { id, config } = task.dataset;
      throw new TaskError(
        `task ${task.name}: its rows are those of ${id}${config ? ` (${config})` : ""}, split ${split}; put them into a folder as ${task.name}/${split}.jsonl and give it by --data`,
      );
    }
    yield* localRows(folder, task, split);
  },
});
