import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { DenoiseRotatorError } from "@denoise-rotator/core";
import { type Execute, sweepJob } from "@denoise-rotator/sweep";
import { Command } from "commander";
import { version } from "../../package.json";
import { pruneJobs } from "../sweep/prune-job.js";
import { redisPackage } from "../sweep/redis.js";
import { addThreadsOption } from "./backend-options.js";
import { interruptible } from "./interrupt.js";
import { integer } from "./options.js";
import { printLine } from "./progress.js";
import { pruneCommand } from "./prune-command.js";

interface WorkerFlags {
  readonly redis: string;
  readonly queue?: string;
  readonly jobs: number;
  readonly threads?: number;
  readonly work?: string;
  readonly lock: number;
}

export function workerCommand(): Command {
  const command = new Command("worker")
    .summary("run the jobs of sweeps, for `sweep --redis`")
    .description(
      "Takes runs of sweeps from Redis until Ctrl-C. Models, texts and pruners must be found here by the names in the sweep's file.",
    )
    .requiredOption("--redis <url>", "where the jobs are, such as redis://host:6379")
    .option("--queue <name>", "queue to listen to")
    .option("--jobs <n>", "runs at a time, each a process of its own", integer(1), 1)
    .option("--work <directory>", "for runs under way, which go on from there (default: a temporary folder)")
    .option(
      "--lock <seconds>",
      "after which the job of a worker gone silent goes to another",
      integer(1),
      30,
    );
  return addThreadsOption(command).action(runWorker);
}

async function runWorker(flags: WorkerFlags): Promise<void> {
  const { redisWorker } = await redisPackage();
  const directory = flags.work
    ? resolve(flags.work)
    : await mkdtemp(join(tmpdir(), "denoise-rotator-worker-"));
  await mkdir(directory, { recursive: true });
  const execute = pruneJobs(pruneCommand(), { directory, threads: flags.threads, keep: false });
  const { signal, restore } = interruptible();
  try {
    await redisWorker(
      sameVersion(execute),
      {
        ...{ url: flags.redis, jobs: flags.jobs, lockDuration: flags.lock * 1000, onProgress: printLine },
        ...(flags.queue === undefined ? {} : { name: flags.queue }),
      },
      signal,
    );
  } finally {
    restore();
  }
}

/** Results of different versions do not belong into one table: a job's key tells its version. */
const sameVersion =
  (execute: Execute): Execute =>
  async (job, signal) => {
    const { key } = await sweepJob(job.settings, version);
    if (key === job.key) return execute(job, signal);
    throw new DenoiseRotatorError("SWEEP", `the worker has version ${version}, the sweep another one`);
  };
