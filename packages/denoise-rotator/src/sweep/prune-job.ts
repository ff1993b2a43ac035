import { fork } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DenoiseRotatorError } from "@denoise-rotator/core";
import type { Execute, JobResult, SweepJob } from "@denoise-rotator/sweep";
import type { Command } from "commander";
import type { RunRecord } from "../pipeline/run-record.js";
import { pruneArguments } from "./prune-options.js";

export interface PruneJobOptions {
  /** Folder that exists; each job has one of its own there, from which it goes on if it was interrupted. */
  readonly directory: string;
  /** Of each job; default all there are. */
  readonly threads?: number | undefined;
  /** Keep the pruned models. */
  readonly keep: boolean;
}

/** Milliseconds that a job has to give itself up. */
const patience = 5000;

/** Runs jobs as processes of their own, which end with this one: `prune … --eval`. */
export function pruneJobs(prune: Command, { directory, threads, keep }: PruneJobOptions): Execute {
  return async (job, signal) => {
    const out = join(directory, job.key);
    const args = [
      ...pruneArguments(prune, job.settings),
      ...["--eval", "--json", "--resume", "--force", "--out", out],
      ...(threads === undefined ? [] : ["--threads", String(threads)]),
    ];
    const record = JSON.parse(await runCli(args, signal)) as RunRecord;
    if (!keep) await rm(out, { recursive: true, force: true });
    return resultOf(record, job);
  };
}

/** Standard output of the command line. Throws what it says went wrong. */
function runCli(args: readonly string[], signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  const cli = fileURLToPath(new URL("./cli.js", import.meta.url));
  return new Promise((resolve, reject) => {
    const child = fork(cli, args, { silent: true, execArgv: [] });
    const output = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name]!.setEncoding("utf8").on("data", (text: string) => {
        output[name] += text;
      });
    }
    const stop = () => {
      child.kill("SIGINT");
      setTimeout(() => child.kill("SIGKILL"), patience).unref();
    };
    signal.addEventListener("abort", stop, { once: true });
    child.on("error", reject);
    child.on("close", (code, by) => {
      signal.removeEventListener("abort", stop);
      if (code === 0) return resolve(output.stdout);
      if (signal.aborted) return reject(signal.reason);
      const said = /^error: (.*)$/m.exec(output.stderr)?.[1];
      reject(new DenoiseRotatorError("JOB", said ?? `its process ended with ${by ?? `code ${code}`}`));
    });
  });
}

function resultOf(record: RunRecord, { settings }: SweepJob): JobResult {
  const { evaluation, blocks, stages, seconds, peakMemoryBytes, maskValid, versions, backend } = record;
  const sites = blocks.flatMap((block) => block.sites);
  const flops = Object.values(stages).reduce((sum, cost) => sum + cost.flops, 0);
  return {
    metrics: {
      ...(evaluation ? { perplexity: evaluation.pruned.perplexity, dense: evaluation.dense.perplexity } : {}),
      zeros: sites.reduce((sum, { sparsity }) => sum + sparsity, 0) / Math.max(1, sites.length),
      gflop: flops / 1e9,
      seconds,
      peak_mib: peakMemoryBytes / 2 ** 20,
    },
    details: {
      ...{ model: settings.model, maskValid, invarianceError: record.invarianceError, versions },
      ...{ backend, options: record.options, calibration: record.calibration },
    },
  };
}
