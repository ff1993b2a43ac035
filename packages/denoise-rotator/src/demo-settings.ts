import type { Backend } from "@denoise-rotator/core";
import type { PruneOptions } from "./pipeline/options.js";

/** How much the demo does. */
export interface DemoSettings {
  readonly quick: boolean;
  /** Calibration and steps; what is left out is `prune`'s default. */
  readonly prune: Pick<PruneOptions, "samples" | "sequenceLength" | "steps">;
  readonly evaluationWindows: number;
  /** Rows of the task `continuation` at most. */
  readonly continuationRows: number;
  /** Tokens of an evaluation window at most. */
  readonly windowLength: number;
}

const quick = {
  samples: 8,
  sequenceLength: 128,
  steps: 12,
  evaluationWindows: 8,
  continuationRows: 24,
} as const;

/** All of it, or with `quick` a part that software adapters manage in minutes. */
export function demoSettings(isQuick: boolean, evaluationWindows: number): DemoSettings {
  if (!isQuick)
    return { quick: false, prune: {}, evaluationWindows, windowLength: 2048, continuationRows: 200 };
  const { samples, sequenceLength, steps } = quick;
  return {
    quick: true,
    prune: { samples, sequenceLength, steps },
    evaluationWindows: Math.min(evaluationWindows, quick.evaluationWindows),
    windowLength: sequenceLength,
    continuationRows: quick.continuationRows,
  };
}

/** What `quick` comes to, for people. */
export const quickInWords =
  `${quick.samples} calibration windows of ${quick.sequenceLength} tokens, ${quick.steps} rotation steps, ` +
  `${quick.evaluationWindows} evaluation windows, ${quick.continuationRows} continuations`;

/** Whether the backend computes on the processor although it is made for GPUs; what it says of itself then. */
export function softwareAdapter({ capabilities: { description } }: Backend): string | undefined {
  const { adapter, mode } = description;
  if (mode === "cpu") return "gpu.js in mode cpu";
  const software = /swiftshader|llvmpipe|lavapipe|software|basic render|warp/i;
  return typeof adapter === "string" && software.test(adapter) ? adapter : undefined;
}
