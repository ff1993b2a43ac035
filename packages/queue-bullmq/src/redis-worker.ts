import { hostname } from "node:os";
import type { Execute, JobResult, SweepJob } from "@denoise-rotator/sweep";
import { WaitingError, Worker } from "bullmq";
import { connect, defaultQueueName } from "./connection.js";

export interface RedisWorkerOptions {
  readonly url: string;
  /** Default `denoise-rotator`. */
  readonly name?: string;
  /** Jobs at a time; default 1. */
  readonly jobs?: number;
  /**
   * Milliseconds after which the job of a worker that went silent is given to another; default 30000. A worker tells that it is
   * alive twice in that time.
   */
  readonly lockDuration?: number;
  /** Told when a job begins and ends. */
  readonly onProgress?: (line: string) => void;
}

/** How often a job may lose its worker before it counts as failed: it may be the job that kills them. */
const maxStalledCount = 3;

/**
 * Takes jobs from Redis and runs them by `execute` until `signal`; jobs that run then are given up, and go to other workers.
 *
 * @throws RedisError where Redis cannot be reached.
 */
export async function redisWorker(
  execute: Execute,
  options: RedisWorkerOptions,
  signal: AbortSignal,
): Promise<void> {
  const { url, name = defaultQueueName, jobs = 1, lockDuration = 30_000, onProgress = () => {} } = options;
  const connection = await connect(url);
  const worker = new Worker<SweepJob, JobResult>(
    name,
    async (job, token) => {
      onProgress(`job ${job.data.key} begins`);
      try {
        return await execute(job.data, signal);
      } catch (error) {
        if (!signal.aborted) throw error;
        await job.moveToWait(token);
        throw new WaitingError();
      }
    },
    {
      connection,
      concurrency: jobs,
      lockDuration,
      stalledInterval: lockDuration,
      maxStalledCount,
      name: `${hostname()}-${process.pid}`,
    },
  );
  worker.on("error", () => {});
  worker.on("completed", (job) => onProgress(`job ${job.data.key} is done`));
  worker.on("failed", (job, error) => onProgress(`job ${job?.data.key} failed: ${error.message}`));
  worker.on("stalled", (id) => onProgress(`${id} had lost its worker and waits again`));
  await worker.waitUntilReady();
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  await worker.close();
  connection.disconnect();
}
