import { mkdir, readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { DenoiseRotatorError } from "@denoise-rotator/core";
import { DirectoryLock } from "@denoise-rotator/hub";
import {
  localQueue,
  markdownTable,
  parseSweep,
  type Queue,
  runSweep,
  type SweepJob,
  type SweepProgress,
} from "@denoise-rotator/sweep";
import { Command } from "commander";
import { version } from "../../package.json";
import { pruneJobs } from "../sweep/prune-job.js";
import { pruneArguments, sweepOptions } from "../sweep/prune-options.js";
import { redisPackage } from "../sweep/redis.js";
import { addThreadsOption } from "./backend-options.js";
import { interruptible } from "./interrupt.js";
import { integer, jsonOption } from "./options.js";
import { pruneCommand } from "./prune-command.js";

interface SweepFlags {
  readonly out?: string;
  readonly jobs: number;
  readonly threads?: number;
  readonly keep?: boolean;
  readonly redis?: string;
  readonly queue?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export function sweepCommand(): Command {
  const command = new Command("sweep")
    .summary("run a grid of prunes and compare them")
    .description(
      "Runs every combination of options that a YAML file lists, evaluates each, and writes a table with mean and standard " +
        "deviation over seeds. What is done already is not done again: run it as often as it takes.",
    )
    .argument("<file>", "sweep.yaml: model, options, grid, include, exclude (see docs/sweeps.md)")
    .option("--out <directory>", "results and tables (default: the file's name without its ending)")
    .option("--jobs <n>", "runs at a time, each a process of its own", integer(1), 1)
    .option("--keep", "keep the pruned models, in jobs/ of --out")
    .option("--redis <url>", "have them run by `denoise-rotator worker` on any machine, through Redis")
    .option("--queue <name>", "with --redis: the queue that the workers listen to")
    .option("--dry-run", "print what would be run")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nExamples:\n" +
        "  denoise-rotator sweep sweep.yaml --jobs 2 --threads 1\n" +
        "  denoise-rotator sweep sweep.yaml --redis redis://localhost:6379",
    );
  return addThreadsOption(command).action(runSweepCommand);
}

async function runSweepCommand(file: string, flags: SweepFlags): Promise<void> {
  const prune = pruneCommand();
  const sweep = await parseSweep(await read(file), { file, options: sweepOptions(prune), version });
  if (flags.dryRun) {
    process.stdout.write(
      sweep.jobs.map(({ settings }) => `${pruneArguments(prune, settings).join(" ")}\n`).join(""),
    );
    return;
  }
  const directory = resolve(flags.out ?? basename(file).replace(/\.\w+$/, ""));
  const jobs = join(directory, "jobs");
  await mkdir(jobs, { recursive: true });
  const lock = await DirectoryLock.take(directory);
  const { signal, restore } = interruptible();
  try {
    await using queue = await openQueue(prune, jobs, flags);
    const varied = sweep.varied;
    const summary = await runSweep(sweep, {
      ...{ directory, queue, signal },
      ...(flags.json ? {} : { onProgress: (progress: SweepProgress) => tell(progress, varied) }),
    });
    const table = flags.json ? `${JSON.stringify(summary)}\n` : markdownTable(summary);
    process.stdout.write(flags.json ? table : `${table}results and tables: ${directory}\n`);
    if (summary.failures.length > 0) {
      throw new DenoiseRotatorError(
        "SWEEP",
        `${summary.failures.length} of ${sweep.jobs.length} runs failed; run the same again to repeat those only`,
      );
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new DOMException("interrupted; run the same again to go on", "AbortError");
  } finally {
    lock.releaseSync();
    restore();
  }
}

async function openQueue(prune: Command, directory: string, flags: SweepFlags): Promise<Queue> {
  if (flags.redis !== undefined) {
    const { redisQueue } = await redisPackage();
    return redisQueue({ url: flags.redis, ...(flags.queue === undefined ? {} : { name: flags.queue }) });
  }
  const execute = pruneJobs(prune, { directory, threads: flags.threads, keep: flags.keep ?? false });
  return localQueue(execute, { jobs: flags.jobs });
}

function tell({ done, total, job, outcome }: SweepProgress, varied: readonly string[]): void {
  if (!job || !outcome) {
    if (done > 0) process.stderr.write(`${done} of ${total} runs were done before\n`);
    return;
  }
  const said =
    outcome.status === "done"
      ? `perplexity ${outcome.result.metrics.perplexity?.toFixed(3) ?? "–"}`
      : `failed: ${outcome.error}`;
  process.stderr.write(`${done} of ${total}: ${label(job, varied)}: ${said}\n`);
}

const label = ({ settings }: SweepJob, varied: readonly string[]): string =>
  varied.flatMap((name) => (name in settings ? [`${name} ${settings[name]}`] : [])).join(", ");

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new DenoiseRotatorError(
      "SWEEP",
      `${file}: cannot be read (${(error as NodeJS.ErrnoException).code})`,
    );
  }
}
