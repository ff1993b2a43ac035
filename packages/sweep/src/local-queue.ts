import { OptionError } from "@denoise-rotator/core";
import type { Execute } from "./job.js";
import { outcomeOf, type Queue } from "./queue.js";

/** Runs jobs in their order by `execute`, at most `jobs` at a time (default 1). Throws OptionError for no positive integer. */
export function localQueue(execute: Execute, { jobs: lanes = 1 }: { readonly jobs?: number } = {}): Queue {
  if (!Number.isSafeInteger(lanes) || lanes < 1) {
    throw new OptionError(`--jobs ${lanes}: an integer of at least 1`);
  }
  return {
    async run(jobs, settled, signal) {
      const stop = new AbortController();
      const both = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
      let next = 0;
      const lane = async () => {
        while (next < jobs.length) {
          both.throwIfAborted();
          const job = jobs[next++]!;
          await settled(job, await outcomeOf(job, execute, both));
        }
      };
      const failures: unknown[] = [];
      const lanesRunning = Array.from({ length: Math.min(lanes, jobs.length) }, () =>
        lane().catch((error: unknown) => {
          failures.push(error);
          stop.abort(error);
        }),
      );
      await Promise.all(lanesRunning);
      if (failures.length > 0) throw failures[0];
    },
    async [Symbol.asyncDispose]() {},
  };
}
