import { atomicWriteFile } from "@denoise-rotator/hub";
import type { JobOutcome, SweepJob } from "./job.js";
import type { Queue } from "./queue.js";
import { ResultStore } from "./result-store.js";
import { type SweepSummary, summarise } from "./summary.js";
import type { Sweep } from "./sweep-file.js";
import { csvTable, markdownTable } from "./tables.js";

export interface RunSweepOptions {
  /** Folder that exists, for `results.jsonl` and the tables. */
  readonly directory: string;
  readonly queue: Queue;
  /** Told of jobs done before, and of each that has come to an end: how many of how many. */
  readonly onProgress?: (progress: SweepProgress) => void;
  readonly signal?: AbortSignal;
}

export interface SweepProgress {
  readonly done: number;
  readonly total: number;
  /** `undefined` at the beginning. */
  readonly job?: SweepJob;
  readonly outcome?: JobOutcome;
}

/**
 * Runs the jobs that have no result in `directory` yet, those that failed before among them, and keeps the tables there up to
 * date: `table.md`, `table.csv`, `table.json`. Every result is on the disk before the next counts.
 *
 * @throws HubError where the folder cannot be written; the signal's reason on abort, with what was done kept.
 */
export async function runSweep(sweep: Sweep, options: RunSweepOptions): Promise<SweepSummary> {
  const { directory, queue, onProgress, signal } = options;
  await using store = await ResultStore.open(`${directory}/results.jsonl`);
  const open = sweep.jobs.filter(({ key }) => !store.result(key));
  const total = sweep.jobs.length;
  let done = total - open.length;
  onProgress?.({ done, total });
  await writeTables(directory, summarise(sweep, store));
  await queue.run(
    open,
    async (job, outcome) => {
      await store.add(job, outcome);
      await writeTables(directory, summarise(sweep, store));
      onProgress?.({ done: ++done, total, job, outcome });
    },
    signal,
  );
  return summarise(sweep, store);
}

async function writeTables(directory: string, summary: SweepSummary): Promise<void> {
  await atomicWriteFile(`${directory}/table.md`, markdownTable(summary));
  await atomicWriteFile(`${directory}/table.csv`, csvTable(summary));
  await atomicWriteFile(`${directory}/table.json`, `${JSON.stringify(summary, undefined, 2)}\n`);
}
