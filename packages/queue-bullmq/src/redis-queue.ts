import type { JobOutcome, JobResult, SweepJob, Queue as SweepQueue } from "@denoise-rotator/sweep";
import { type Job, Queue, QueueEvents } from "bullmq";
import { connect, defaultQueueName } from "./connection.js";

export interface RedisQueueOptions {
  /** Such as `redis://host:6379`. */
  readonly url: string;
  /** Queue that the workers listen to; default `denoise-rotator`. */
  readonly name?: string;
  /** Milliseconds between looks at jobs whose end no event told of; default 2000. */
  readonly pollInterval?: number;
}

/** BullMQ takes an id that is a number for one of its own. */
const idOf = ({ key }: SweepJob) => `job-${key}`;

/**
 * Has jobs run by workers on any machine (`redisWorker`). A job is known by its key: added twice it waits once, run twice
 * (its worker was lost) it counts once, and what was done while nobody asked is found when the same sweep is run again.
 *
 * @throws RedisError where Redis cannot be reached.
 */
export async function redisQueue(options: RedisQueueOptions): Promise<SweepQueue> {
  const { url, name = defaultQueueName, pollInterval = 2000 } = options;
  const connection = await connect(url);
  const queue = new Queue<SweepJob, JobResult>(name, { connection });
  const events = new QueueEvents(name, { connection: connection.duplicate() });
  queue.on("error", () => {});
  events.on("error", () => {});
  await events.waitUntilReady();

  return {
    async run(jobs, settled, signal) {
      const waiting = new Map(jobs.map((job) => [idOf(job), job]));
      let wake = () => {};
      const onEvent = () => wake();
      events.on("completed", onEvent);
      events.on("failed", onEvent);
      signal?.addEventListener("abort", onEvent);
      try {
        for (const job of jobs) await add(queue, job);
        while (waiting.size > 0) {
          signal?.throwIfAborted();
          // Made before looking, so that nothing that ends meanwhile is missed.
          const next = new Promise<void>((resolve) => {
            wake = resolve;
            setTimeout(resolve, pollInterval).unref();
          });
          for (const [id, job] of [...waiting]) {
            const found = await ended(queue, job);
            if (!found) continue;
            await settled(job, found.outcome);
            waiting.delete(id);
            // Only now: had we been lost before, the next run would have found it.
            await found.job.remove().catch(() => {});
          }
          if (waiting.size > 0) await next;
        }
      } catch (error) {
        for (const id of waiting.keys()) await withdraw(queue, id);
        throw error;
      } finally {
        events.off("completed", onEvent);
        events.off("failed", onEvent);
        signal?.removeEventListener("abort", onEvent);
      }
    },
    async [Symbol.asyncDispose]() {
      await queue.close();
      await events.close();
      connection.disconnect();
    },
  };
}

type QueuedJob = Job<SweepJob, JobResult>;

/** Adds a job unless it waits, runs or is done already. One that failed is tried again. */
async function add(queue: Queue<SweepJob, JobResult>, job: SweepJob): Promise<void> {
  const id = idOf(job);
  const before = await queue.getJob(id);
  if (before && (await before.isFailed())) await before.remove();
  await queue.add("run", job, { jobId: id, attempts: 1 });
}

/** The outcome of a job that has come to an end; one that is not there any more, as after a loss of data, is added again. */
async function ended(
  queue: Queue<SweepJob, JobResult>,
  wanted: SweepJob,
): Promise<{ job: QueuedJob; outcome: JobOutcome } | undefined> {
  const id = idOf(wanted);
  const state = await queue.getJobState(id);
  if (state === "unknown") await add(queue, wanted);
  if (state !== "completed" && state !== "failed") return undefined;
  // Read after its end was seen: before, its result is not there yet.
  const job: QueuedJob | undefined = await queue.getJob(id);
  if (!job) return undefined;
  if (state === "completed") return { job, outcome: { status: "done", result: job.returnvalue } };
  return { job, outcome: { status: "failed", error: job.failedReason ?? "unknown" } };
}

/** Takes a job that nobody runs yet out of the queue. */
async function withdraw(queue: Queue<SweepJob, JobResult>, id: string): Promise<void> {
  const job = await queue.getJob(id).catch(() => undefined);
  if (job && (await job.isWaiting())) await job.remove().catch(() => {});
}
