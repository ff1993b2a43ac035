import { join } from "node:path";
import type { PerplexityResult } from "@denoise-rotator/evaluators";
import { openBackend } from "./pipeline/backends.js";
import { evaluate } from "./pipeline/evaluate.js";
import { embeddedName, openNamedModel } from "./pipeline/named-model.js";
import type { BackendName, ProgressEvent } from "./pipeline/options.js";
import { pruneModel } from "./pipeline/prune-model.js";
import type { RunRecord } from "./pipeline/run-record.js";

export interface DemoOptions {
  readonly backend: BackendName;
  /** Directory of the four results, each replaced. */
  readonly out: string;
  readonly evaluationWindows: number;
  readonly onProgress?: (event: ProgressEvent) => void;
  readonly onNote?: (line: string) => void;
  readonly signal?: AbortSignal;
}

export interface DemoRow {
  readonly plain: { readonly perplexity: number };
  readonly rotated: { readonly perplexity: number };
  /** Share of the plain gap to dense that rotation removes; negative where it hurts. */
  readonly gapClosed: number;
  /** Every N:M group of both written checkpoints is valid. */
  readonly maskValid: boolean;
  /** Largest relative change of a block's outputs by absorbing its rotation. */
  readonly invarianceError: number;
  /** Matrix-product FLOPs of learning and absorbing the rotations. */
  readonly flops: number;
}

export interface DemoResult {
  readonly dense: PerplexityResult;
  readonly wanda: { readonly "2:4": DemoRow };
  readonly sparsegpt: { readonly "2:4": DemoRow };
  readonly out: string;
  readonly seconds: number;
}

/** The main job on the embedded model: dense, then Wanda and SparseGPT at 2:4 without and with rotations. */
export async function demo(options: DemoOptions): Promise<DemoResult> {
  const started = performance.now();
  const dense = await evaluateCheckpoint(embeddedName, "dense", options);
  options.onNote?.(`dense: perplexity ${dense.perplexity.toFixed(3)}`);
  const wanda = { "2:4": await compare("wanda", dense.perplexity, options) };
  const sparsegpt = { "2:4": await compare("sparsegpt", dense.perplexity, options) };
  return { dense, wanda, sparsegpt, out: options.out, seconds: (performance.now() - started) / 1000 };
}

async function compare(pruner: string, dense: number, options: DemoOptions): Promise<DemoRow> {
  const run = async (rotate: "none" | "per-block", label: string) => {
    const out = join(options.out, `${pruner}-2of4-${label}`);
    const record = await pruneModel({
      model: embeddedName,
      pruner,
      sparsity: "2:4",
      rotate,
      backend: options.backend,
      out,
      force: true,
      ...(options.onProgress ? { onProgress: options.onProgress } : {}),
      ...(options.signal ? { signal: options.signal } : {}),
    });
    const { perplexity } = await evaluateCheckpoint(out, `${pruner} ${label}`, options);
    options.onNote?.(`${pruner} 2:4 ${label}: perplexity ${perplexity.toFixed(3)}`);
    return { record, perplexity };
  };
  const plain = await run("none", "plain");
  const rotated = await run("per-block", "rotated");
  return {
    plain: { perplexity: plain.perplexity },
    rotated: { perplexity: rotated.perplexity },
    gapClosed: (plain.perplexity - rotated.perplexity) / (plain.perplexity - dense),
    maskValid: plain.record.maskValid && rotated.record.maskValid,
    invarianceError: rotated.record.invarianceError ?? Number.NaN,
    flops: rotationFlops(rotated.record),
  };
}

const rotationFlops = ({ stages }: RunRecord): number => stages.rotate?.flops ?? 0;

async function evaluateCheckpoint(
  name: string,
  label: string,
  options: DemoOptions,
): Promise<PerplexityResult> {
  const device = await openBackend(options.backend);
  try {
    await using model = await openNamedModel(name, device);
    return await evaluate(model, {
      windowLength: Math.min(model.contextLength, 2048),
      windows: options.evaluationWindows,
      stage: `evaluate ${label}`,
      ...(options.onProgress ? { progress: options.onProgress } : {}),
      signal: options.signal,
    });
  } finally {
    await device.dispose();
  }
}
