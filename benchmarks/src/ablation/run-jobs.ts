import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { CommandError, type Execute, type PruneRecord, unknownFlag } from "../cli/denoise-rotator.js";
import { type Job, jobFlags, jobKey } from "./jobs.js";
import type { JobResult, ResultStore } from "./store.js";

export interface RunJobsOptions {
  readonly store: ResultStore;
  /** Runs the command line. */
  readonly execute: Execute;
  /** Minutes after which no job is started; those running are ended then. */
  readonly budget: number;
  readonly versions: Readonly<Record<string, string>>;
  /** Further flags of both `prune` and `eval` that change how fast they compute. */
  readonly engine?: readonly string[];
  readonly progress: (line: string) => void;
}

export interface RunJobsOutcome {
  /** Why jobs failed or could not run, by variant. */
  readonly failures: Readonly<Record<string, string>>;
  /** Jobs that the budget left undone. */
  readonly remaining: number;
}

const denseKey = "dense";

/** Runs jobs in their order, one process a core with one thread each, until they or the budget end. */
export async function runJobs(jobs: readonly Job[], options: RunJobsOptions): Promise<RunJobsOutcome> {
  const { store, budget, progress } = options;
  const deadline = performance.now() + budget * 60_000;
  const stop = AbortSignal.timeout(budget * 60_000);
  const help = await options.execute(["prune", "--help"], stop);
  // Jobs share the cores; threads of their own would only get in each other's way.
  const alone = unknownFlag(help, ["--threads"]) ? [] : ["--threads", "1"];
  const threads = [...alone, ...(options.engine ?? [])];
  const context: Context = { ...options, threads, stop };
  const failures: Record<string, string> = {};
  const work: (() => Promise<JobResult>)[] = [];
  if (!store.get(denseKey)) work.push(() => evaluateDense(context));
  const open = jobs.filter((job) => {
    const missing = unknownFlag(help, job.variant.flags);
    if (missing) failures[label(job)] = `prune has no ${missing}`;
    return !missing && !store.get(jobKey(job));
  });
  const queue = [...work, ...open.map((job) => () => runJob(job, context))];
  let next = 0;
  let done = 0;
  const lane = async () => {
    while (next < queue.length && performance.now() < deadline) {
      const index = next++;
      const job = open[index - work.length];
      try {
        const result = await queue[index]!();
        store.add(result);
        done++;
        progress(`${done} of ${queue.length}: ${result.key} → ${result.perplexity.toFixed(3)}`);
      } catch (error) {
        if (stop.aborted) return;
        if (!(error instanceof CommandError) || !job) throw error;
        failures[label(job)] = error.message;
        done++;
        progress(`${done} of ${queue.length}: ${jobKey(job)} failed: ${error.message}`);
      }
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
  return { failures, remaining: queue.length - done };
}

const label = ({ pruner, sparsity, variant }: Job) =>
  `${pruner} ${sparsity}: ${variant.factor} ${variant.setting}`;

interface Context extends RunJobsOptions {
  readonly threads: readonly string[];
  readonly stop: AbortSignal;
}

async function evaluateDense(context: Context): Promise<JobResult> {
  const perplexity = await evaluate("tiny", context);
  return {
    ...{ key: denseKey, perplexity, versions: context.versions },
    ...{ rotateGflops: 0, gflops: 0, rotateSeconds: 0, seconds: 0 },
  };
}

async function runJob(job: Job, context: Context): Promise<JobResult> {
  const { execute, threads, stop, versions } = context;
  const folder = mkdtempSync(join(tmpdir(), "denoise-rotator-ablation-"));
  try {
    const out = join(folder, "pruned");
    const args = ["prune", "tiny", ...jobFlags(job), ...threads, "--out", out, "--json"];
    const { stages, seconds } = JSON.parse(await execute(args, stop)) as PruneRecord;
    const perplexity = await evaluate(out, context);
    const all = Object.entries(stages);
    const rotate = all.filter(([name]) => name.startsWith("rotate"));
    const gflops = (costs: typeof all) => costs.reduce((sum, [, { flops }]) => sum + flops, 0) / 1e9;
    return {
      ...{ key: jobKey(job), perplexity, versions, seconds },
      rotateGflops: gflops(rotate),
      gflops: gflops(all),
      rotateSeconds: rotate.reduce((sum, [, cost]) => sum + cost.seconds, 0),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function evaluate(model: string, { execute, threads, stop }: Context): Promise<number> {
  const printed = await execute(["eval", model, ...threads, "--json"], stop);
  return (JSON.parse(printed) as { perplexity: number }).perplexity;
}
