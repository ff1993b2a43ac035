import type { DenoiseOptions } from "@denoise-rotator/rotator";
import type { RunContext } from "./context.js";

/** How a run's options have rotations learned. */
export const rotationSettings = ({
  options,
  pattern,
  signal,
}: RunContext): Omit<DenoiseOptions, "importance" | "onStep" | "onImportances"> => ({
  pattern,
  preset: options.rotationPreset,
  objective: options.objective,
  solver: options.solver,
  steps: options.steps,
  ...(options.learningRate === null ? {} : { learningRate: options.learningRate }),
  ...(options.newtonSchulzSteps === null ? {} : { newtonSchulzSteps: options.newtonSchulzSteps }),
  start: options.start,
  r1Blocks: options.r1Blocks,
  rowSample: options.rowSample,
  ...(options.siteWeights === "equal" ? { siteWeights: {} } : {}),
  ...(options.seed === null ? {} : { seed: options.seed }),
  ...(signal ? { signal } : {}),
});
