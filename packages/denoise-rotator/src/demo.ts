import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Backend } from "@denoise-rotator/core";
import type { PerplexityResult } from "@denoise-rotator/evaluators";
import {
  type ContinuationAccuracy,
  continuationStage,
  type DemoJob,
  type DemoJobResult,
  directoryOf,
} from "./demo-jobs.js";
import { type RunHooks, runJobs } from "./demo-pool.js";
import { demoSettings, quickInWords, softwareAdapter } from "./demo-settings.js";
import { runInTurn } from "./demo-turns.js";
import { type BackendName, type BackendTuning, isDevice, openBackend } from "./pipeline/backends.js";
import type { ProgressEvent } from "./pipeline/options.js";
import { reportName, writeRecord } from "./pipeline/record-files.js";

export interface DemoOptions {
  readonly backend: BackendName;
  /** How the backend computes; threads are given by `threads`. */
  readonly tuning?: Omit<BackendTuning, "threads">;
  /** Directory of the four results, each replaced. */
  readonly out: string;
  readonly evaluationWindows: number;
  /** Fewer windows and steps. Default: on GPU backends whose adapter is software, which `onNote` then hears. */
  readonly quick?: boolean;
  /**
   * Jobs at a time, each on a thread of its own; default: as many as there are cores, at most 5. On a GPU backend they run
   * one after another.
   */
  readonly threads?: number;
  readonly onProgress?: (event: ProgressEvent) => void;
  readonly onNote?: (line: string) => void;
  readonly signal?: AbortSignal;
}

export interface DemoFigures {
  readonly perplexity: number;
  readonly continuation: ContinuationAccuracy;
}

export interface DemoRow {
  readonly plain: DemoFigures;
  readonly rotated: DemoFigures;
  /** Share of the plain gap to dense that rotation removes; negative where it hurts. */
  readonly gapClosed: number;
  /** Every N:M group of both written checkpoints is valid. */
  readonly maskValid: boolean;
  /** Largest change of a block's outputs by absorbing its rotation, relative to their root mean square. */
  readonly invarianceError: number;
  /** Matrix-product FLOPs of learning and absorbing the rotations. */
  readonly flops: number;
}

export interface DemoResult {
  readonly dense: PerplexityResult & { readonly continuation: ContinuationAccuracy };
  readonly wanda: { readonly "2:4": DemoRow };
  readonly sparsegpt: { readonly "2:4": DemoRow };
  readonly out: string;
  /** The page that compares SparseGPT after rotation with SparseGPT as published; the other results have one too. */
  readonly report: string;
  readonly backend: { readonly name: string; readonly description: Readonly<Record<string, unknown>> };
  readonly quick: boolean;
  readonly seconds: number;
}

/** The main job on the embedded model: dense, then Wanda and SparseGPT at 2:4 without and with rotations. */
export async function demo(options: DemoOptions): Promise<DemoResult> {
  const device = isDevice(options.backend) ? await openBackend(options.backend, options.tuning) : undefined;
  try {
    return await runDemo(options, device);
  } finally {
    await device?.dispose();
  }
}

async function runDemo(options: DemoOptions, device: Backend | undefined): Promise<DemoResult> {
  const started = performance.now();
  const { backend, out, threads = Math.min(5, availableParallelism()) } = options;
  const settings = settingsFor(options, device);
  // Jobs share the cores: each backend takes its part of them.
  const lanes = Math.min(threads, 5);
  const share = Math.max(1, Math.floor(availableParallelism() / lanes));
  const tuning = backend === "wasm" ? { ...options.tuning, threads: share } : (options.tuning ?? {});
  const shared = { backend, tuning, out, settings };
  // The longest first, so that the lanes end together.
  const jobs: DemoJob[] = [
    { label: "sparsegpt 2:4 rotated", pruner: "sparsegpt", rotate: "per-block", ...shared },
    { label: "wanda 2:4 rotated", pruner: "wanda", rotate: "per-block", ...shared },
    { label: "sparsegpt 2:4 plain", pruner: "sparsegpt", rotate: "none", ...shared },
    { label: "wanda 2:4 plain", pruner: "wanda", rotate: "none", ...shared },
    { label: "dense", rotate: "none", ...shared },
  ];
  const progress = overallProgress(jobs, options.onProgress ?? (() => {}));
  const hooks: RunHooks = {
    onProgress: progress,
    onDone: ({ label }, { evaluation, continuation }) =>
      options.onNote?.(
        `${label}: perplexity ${evaluation.perplexity.toFixed(3)}, continuations right ${asPercent(continuation)}`,
      ),
    signal: options.signal ?? new AbortController().signal,
  };
  const results = await (device ? runInTurn(jobs, device, hooks) : runJobs(jobs, threads, hooks));
  const [sparsegptRotated, wandaRotated, sparsegptPlain, wandaPlain, dense] = results.map(
    (result) => result!,
  );
  const reference = dense!.evaluation;
  await writeReports(jobs, results, reference);
  return {
    dense: { ...reference, continuation: dense!.continuation },
    wanda: { "2:4": row(wandaPlain!, wandaRotated!, reference.perplexity) },
    sparsegpt: { "2:4": row(sparsegptPlain!, sparsegptRotated!, reference.perplexity) },
    out,
    report: join(directoryOf(jobs[0]!), reportName),
    backend: wandaPlain!.record!.backend,
    quick: settings.quick,
    seconds: (performance.now() - started) / 1000,
  };
}

/** Gives every result's record, and page, what the other jobs measured. */
async function writeReports(
  jobs: readonly DemoJob[],
  results: readonly DemoJobResult[],
  dense: PerplexityResult,
): Promise<void> {
  for (const [i, { record, evaluation: pruned }] of results.entries()) {
    const job = jobs[i]!;
    if (!record) continue;
    const published = jobs.findIndex(({ pruner, rotate }) => pruner === job.pruner && rotate === "none");
    const evaluation = { dense, pruned, plain: results[published]!.evaluation };
    await writeRecord(directoryOf(job), { ...record, evaluation });
  }
}

function settingsFor({ quick, evaluationWindows, onNote }: DemoOptions, device: Backend | undefined) {
  const software = device && softwareAdapter(device);
  if (quick === undefined && software !== undefined) {
    onNote?.(
      `${software} computes on the processor: quick settings (${quickInWords}); --full takes the usual ones`,
    );
  }
  return demoSettings(quick ?? software !== undefined, evaluationWindows);
}

function row(plain: DemoJobResult, rotated: DemoJobResult, dense: number): DemoRow {
  const [before, after] = [plain.evaluation.perplexity, rotated.evaluation.perplexity];
  return {
    plain: { perplexity: before, continuation: plain.continuation },
    rotated: { perplexity: after, continuation: rotated.continuation },
    gapClosed: (before - after) / (before - dense),
    maskValid: (plain.record?.maskValid && rotated.record?.maskValid) ?? false,
    invarianceError: rotated.record?.invarianceError ?? Number.NaN,
    flops: rotated.record?.stages.rotate?.flops ?? 0,
  };
}

/** Adds the jobs' own progress up: a job passes over the blocks to prune, for perplexity, and for the task. */
function overallProgress(jobs: readonly DemoJob[], report: (event: ProgressEvent) => void) {
  const done = new Map<string, number>();
  return ({ label, pruner }: DemoJob, { stage, block, blocks }: ProgressEvent): void => {
    const passes = jobs.reduce((sum, job) => sum + (job.pruner ? 3 : 2), 0);
    const before = { evaluate: pruner ? 1 : 0, [continuationStage]: pruner ? 2 : 1 }[stage];
    done.set(label, before === undefined ? block - 1 : before * blocks + block);
    const total = [...done.values()].reduce((a, b) => a + b, 0);
    report({ stage: `${label}: ${stage}`, block: total, blocks: passes * blocks });
  };
}

/** With its standard error. */
export const asPercent = ({ accuracy, standardError }: ContinuationAccuracy): string =>
  `${(100 * accuracy).toFixed(1)} ± ${(100 * standardError).toFixed(1)} %`;
