import type { Execute, JobOutcome, SweepJob } from "./job.js";

/** Has jobs run, here or elsewhere. */
export interface Queue extends AsyncDisposable {
  /**
   * Has every job run and tells each outcome once, as it comes; resolves when all have one and `settled` has resolved for it.
   * However often a job is tried, its first outcome counts.
   *
   * @throws what `settled` throws; the signal's reason on abort, jobs that run being given up.
   */
  run(
    jobs: readonly SweepJob[],
    settled: (job: SweepJob, outcome: JobOutcome) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<void>;
}

/** The outcome of a job; only an abort throws. */
export async function outcomeOf(job: SweepJob, execute: Execute, signal: AbortSignal): Promise<JobOutcome> {
  try {
    return { status: "done", result: await execute(job, signal) };
  } catch (error) {
    signal.throwIfAborted();
    return { status: "failed", error: error instanceof Error ? error.message : String(error) };
  }
}
