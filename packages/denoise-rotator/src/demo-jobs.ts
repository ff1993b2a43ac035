import { join } from "node:path";
import type { Backend } from "@denoise-rotator/core";
import {
  evaluateTask,
  findTask,
  type MetricResult,
  type PerplexityResult,
} from "@denoise-rotator/evaluators";
import type { Model } from "@denoise-rotator/models";
import type { DemoSettings } from "./demo-settings.js";
import { rowSource } from "./evaluation/row-source.js";
import { subjectOf } from "./evaluation/subject.js";
import { type BackendName, type BackendTuning, borrowBackend } from "./pipeline/backends.js";
import { evaluate } from "./pipeline/evaluate.js";
import { embeddedName, openNamedModel } from "./pipeline/named-model.js";
import type { ProgressEvent } from "./pipeline/options.js";
import { pruneModel } from "./pipeline/prune-model.js";
import type { RunRecord } from "./pipeline/run-record.js";

/** One of the demo's independent pieces of work; plain data, so that it can go to a worker thread. */
export interface DemoJob {
  readonly label: string;
  /** Nothing is pruned without one: the dense model is evaluated. */
  readonly pruner?: "wanda" | "sparsegpt";
  readonly rotate: "none" | "per-block";
  readonly backend: BackendName;
  readonly tuning: BackendTuning;
  readonly out: string;
  readonly settings: DemoSettings;
}

export interface DemoJobResult {
  readonly evaluation: PerplexityResult;
  /** Accuracy on the task `continuation`. */
  readonly continuation: ContinuationAccuracy;
  /** `null` for the dense model. */
  readonly record: RunRecord | null;
}

export interface ContinuationAccuracy {
  /** Share of rows whose true continuation is the likeliest of four. */
  readonly accuracy: number;
  readonly standardError: number;
  readonly rows: number;
}

export interface JobHooks {
  readonly onProgress: (event: ProgressEvent) => void;
  readonly signal: AbortSignal;
}

/** Stage of the progress of the task. */
export const continuationStage = "evaluate continuation";

/** Where the result of a job that prunes goes. */
export const directoryOf = ({ out, pruner, rotate }: DemoJob): string =>
  join(out, `${pruner}-2of4-${rotate === "none" ? "plain" : "rotated"}`);

/** Without rotation the pruner is as published: what rotated runs are compared with. */
const asPublished = { refine: "none", match: false } as const;

/**
 * Prunes the embedded model as the job says, saves it, and evaluates what was saved: on `device`, or where none is given on
 * backends of its own.
 */
export async function runDemoJob(job: DemoJob, hooks: JobHooks, device?: Backend): Promise<DemoJobResult> {
  const { pruner, rotate, settings } = job;
  const on = device ? { backend: device } : { backend: job.backend, ...job.tuning };
  if (!pruner) return { ...(await evaluateCheckpoint(embeddedName, on, job, hooks)), record: null };
  const out = directoryOf(job);
  const record = await pruneModel({
    ...{ model: embeddedName, pruner, sparsity: "2:4", rotate, out, force: true, ...settings.prune },
    ...on,
    ...(rotate === "none" ? asPublished : {}),
    ...hooks,
  });
  return { ...(await evaluateCheckpoint(out, on, job, hooks)), record };
}

async function evaluateCheckpoint(
  name: string,
  { backend, ...tuning }: { readonly backend: BackendName | Backend } & BackendTuning,
  job: DemoJob,
  hooks: JobHooks,
): Promise<Omit<DemoJobResult, "record">> {
  const { device, dispose } = await borrowBackend(backend, tuning);
  try {
    await using model = await openNamedModel(name, device);
    const evaluation = await evaluate(model, {
      windowLength: Math.min(model.contextLength, job.settings.windowLength),
      windows: job.settings.evaluationWindows,
      stage: "evaluate",
      progress: hooks.onProgress,
      signal: hooks.signal,
    });
    return { evaluation, continuation: await continuationAccuracy(model, job, hooks) };
  } finally {
    await dispose();
  }
}

async function continuationAccuracy(
  model: Model,
  { settings }: DemoJob,
  { onProgress, signal }: JobHooks,
): Promise<ContinuationAccuracy> {
  const { metrics, rows } = await evaluateTask(await subjectOf(model), findTask("continuation"), {
    source: rowSource(),
    limit: settings.continuationRows,
    onProgress: (block, blocks) => onProgress({ stage: continuationStage, block, blocks }),
    signal,
  });
  const { value, standardError } = metrics.acc as MetricResult;
  return { accuracy: value, standardError: standardError ?? 0, rows };
}
