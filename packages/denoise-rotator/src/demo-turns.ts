import type { Backend } from "@denoise-rotator/core";
import { type DemoJob, type DemoJobResult, runDemoJob } from "./demo-jobs.js";
import type { RunHooks } from "./demo-pool.js";
import type { ProgressEvent } from "./pipeline/options.js";

/** Runs jobs one after another on one device, which compiles its kernels once for all of them. */
export async function runInTurn(
  jobs: readonly DemoJob[],
  device: Backend,
  { onProgress, onDone, signal }: RunHooks,
): Promise<DemoJobResult[]> {
  const results: DemoJobResult[] = [];
  for (const job of jobs) {
    signal.throwIfAborted();
    const progress = (event: ProgressEvent) => onProgress(job, event);
    const result = await runDemoJob(job, { onProgress: progress, signal }, device);
    results.push(result);
    onDone(job, result);
  }
  return results;
}
