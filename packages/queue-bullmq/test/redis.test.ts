import { type Execute, type JobOutcome, type SweepJob, sweepJob } from "@denoise-rotator/sweep";
import { findRedis, type RedisServer, startRedis } from "@denoise-rotator/testing/redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RedisError, redisQueue, redisWorker } from "../src/index.js";

const found = findRedis();
const reason = found.missing ?? "";

describe.skipIf(!found.required && found.missing !== undefined)(
  `BullMQ on a real redis-server ${reason}`,
  () => {
    let redis: RedisServer;
    let jobs: SweepJob[];
    beforeAll(async () => {
      redis = await startRedis(found);
      jobs = await Promise.all(
        Array.from({ length: 8 }, (_, seed) => sweepJob({ model: "tiny", seed }, "1")),
      );
    });
    afterAll(() => redis?.[Symbol.asyncDispose]());

    const seedOf = ({ settings }: SweepJob) => Number(settings.seed);
    const result = (job: SweepJob) => ({ metrics: { perplexity: seedOf(job) }, details: {} });

    /** Workers with an end of their own. */
    function startWorkers(count: number, name: string, execute: (worker: number) => Execute) {
      const stops = Array.from({ length: count }, () => new AbortController());
      const ends = stops.map(({ signal }, worker) =>
        redisWorker(execute(worker), { url: redis.url, name, lockDuration: 1000 }, signal),
      );
      const stopAll = async () => {
        for (const stop of stops) stop.abort();
        await Promise.all(ends);
      };
      return { stops, stopAll };
    }

    /** Runs jobs and counts outcomes by seed. */
    async function runAll(name: string, signal?: AbortSignal, each?: () => void) {
      await using queue = await redisQueue({ url: redis.url, name, pollInterval: 200 });
      const outcomes = new Map<number, JobOutcome[]>();
      await queue.run(
        jobs,
        async (job, outcome) => {
          outcomes.set(seedOf(job), [...(outcomes.get(seedOf(job)) ?? []), outcome]);
          each?.();
        },
        signal,
      );
      return outcomes;
    }

    it("should have every job run once by some worker, and tell what failed", async () => {
      const runs: [number, number][] = [];
      const { stopAll } = startWorkers(3, "once", (worker) => async (job) => {
        runs.push([worker, seedOf(job)]);
        await new Promise((resolve) => setTimeout(resolve, 30));
        if (seedOf(job) === 5) throw new Error("seed 5 is unlucky");
        return result(job);
      });
      const outcomes = await runAll("once");
      await stopAll();
      expect(runs.map(([, seed]) => seed).sort()).toEqual(jobs.map(seedOf));
      expect(new Set(runs.map(([worker]) => worker)).size).toBeGreaterThan(1);
      for (const job of jobs) {
        const failed = { status: "failed", error: "seed 5 is unlucky" };
        const expected = seedOf(job) === 5 ? failed : { status: "done", result: result(job) };
        expect(outcomes.get(seedOf(job))).toEqual([expected]);
      }
    });

    it("should hand the job of a worker that is told to stop to another", async () => {
      const begun: number[] = [];
      let caught: (() => void) | undefined;
      const first = new Promise<void>((resolve) => {
        caught = resolve;
      });
      const { stops, stopAll } = startWorkers(2, "handed", (worker) => async (job, signal) => {
        begun.push(worker);
        if (worker === 1) return result(job);
        caught!();
        await new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason));
        });
        return result(job);
      });
      const running = runAll("handed");
      await first;
      stops[0]!.abort();
      const outcomes = await running;
      await stopAll();
      expect([...outcomes.values()].map((each) => each.map(({ status }) => status))).toEqual(
        jobs.map(() => ["done"]),
      );
      expect(begun.filter((worker) => worker === 0)).toHaveLength(1);
    });

    it("should find what was done while nobody asked, and withdraw what nobody runs yet", async () => {
      const begun: number[] = [];
      const finished: number[] = [];
      const { stopAll } = startWorkers(1, "found", () => async (job) => {
        begun.push(seedOf(job));
        await new Promise((resolve) => setTimeout(resolve, 100));
        finished.push(seedOf(job));
        return result(job);
      });
      const stop = new AbortController();
      await expect(runAll("found", stop.signal, () => stop.abort())).rejects.toMatchObject({
        name: "AbortError",
      });
      await expect.poll(() => finished.length === begun.length).toBe(true);
      expect(begun.length).toBeLessThan(jobs.length);
      const before = begun.slice(1);
      const outcomes = await runAll("found");
      await stopAll();
      expect([...outcomes.values()].every((each) => each.length === 1)).toBe(true);
      // What was told of before the abort is run again here, since no store remembers it; what ended after it is not.
      expect(begun.filter((seed) => before.includes(seed))).toEqual(before);
    });

    it("should say what cannot be reached, without the password", async () => {
      const refused = redisQueue({ url: "redis://user:secret@127.0.0.1:1" });
      await expect(refused).rejects.toThrow(RedisError);
      await expect(refused).rejects.toThrow(/^--redis 127.0.0.1:1: cannot be reached/);
    });
  },
);
