import { Worker } from "node:worker_threads";
import { DenoiseRotatorError } from "@denoise-rotator/core";
import type { DemoJob, DemoJobResult, JobHooks } from "./demo-jobs.js";
import type { ProgressEvent } from "./pipeline/options.js";

/** What a worker tells. */
export type WorkerMessage =
  | { readonly kind: "progress"; readonly event: ProgressEvent }
  | { readonly kind: "done"; readonly result: DemoJobResult }
  | {
      readonly kind: "failed";
      readonly name: string;
      readonly message: string;
      readonly code: string | undefined;
    };

export interface RunHooks {
  readonly onProgress: (job: DemoJob, event: ProgressEvent) => void;
  readonly onDone: (job: DemoJob, result: DemoJobResult) => void;
  readonly signal: AbortSignal;
}

/** Runs jobs on at most `threads` worker threads, in order; the first failure stops the rest and is thrown. */
export async function runJobs(
  jobs: readonly DemoJob[],
  threads: number,
  hooks: RunHooks,
): Promise<DemoJobResult[]> {
  const results: DemoJobResult[] = [];
  const stop = new AbortController();
  const signal = AbortSignal.any([hooks.signal, stop.signal]);
  let next = 0;
  const lane = async () => {
    while (next < jobs.length) {
      signal.throwIfAborted();
      const index = next++;
      const job = jobs[index]!;
      const result = await inWorker(job, { onProgress: (event) => hooks.onProgress(job, event), signal });
      results[index] = result;
      hooks.onDone(job, result);
    }
  };
  const failures: unknown[] = [];
  const settle = (error: unknown) => {
    failures.push(error);
    stop.abort();
  };
  await Promise.all(Array.from({ length: Math.min(threads, jobs.length) }, () => lane().catch(settle)));
  if (failures.length > 0) throw failures[0];
  return results;
}

function inWorker(job: DemoJob, { onProgress, signal }: JobHooks): Promise<DemoJobResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./demo-worker.js", import.meta.url), { workerData: job });
    const stop = () => worker.postMessage("stop");
    signal.addEventListener("abort", stop, { once: true });
    worker.on("message", (message: WorkerMessage) => {
      if (message.kind === "progress") onProgress(message.event);
      else if (message.kind === "done") resolve(message.result);
      else reject(signal.aborted ? signal.reason : rebuild(message));
    });
    worker.on("error", reject);
    worker.on("exit", (code) => {
      signal.removeEventListener("abort", stop);
      reject(new DenoiseRotatorError("WORKER", `${job.label}: its worker ended with code ${code}`));
    });
  });
}

/** Errors lose their class between threads: name, code and message are what people see. */
function rebuild({ name, message, code }: Extract<WorkerMessage, { kind: "failed" }>): Error {
  const error = code === undefined ? new Error(message) : new DenoiseRotatorError(code, message);
  error.name = name;
  return error;
}
