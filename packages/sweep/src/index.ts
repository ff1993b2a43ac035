export { SweepError } from "./errors.js";
export { expandGrid, type Grid } from "./grid.js";
export {
  type Execute,
  type JobOutcome,
  type JobResult,
  type Setting,
  type Settings,
  type SweepJob,
  sweepJob,
} from "./job.js";
export { localQueue } from "./local-queue.js";
export type { SweepOption, SweepOptions } from "./options.js";
export { outcomeOf, type Queue } from "./queue.js";
export { ResultStore, type StoredOutcome } from "./result-store.js";
export { type RunSweepOptions, runSweep, type SweepProgress } from "./run-sweep.js";
export { type Spread, type SummaryRow, type SweepSummary, spreadOf, summarise } from "./summary.js";
export { type ParseSweepOptions, parseSweep, type Sweep } from "./sweep-file.js";
export { csvTable, markdownTable } from "./tables.js";
