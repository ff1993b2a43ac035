export { type DemoOptions, type DemoResult, type DemoRow, demo } from "./demo.js";
export type { BlockContext, RunContext, Stage } from "./pipeline/context.js";
export { type EvaluationOptions, evaluate } from "./pipeline/evaluate.js";
export type { ProgressEvent, PruneOptions, ResolvedOptions } from "./pipeline/options.js";
export { pruneModel } from "./pipeline/prune-model.js";
export { loadRotations, saveRotations } from "./pipeline/rotation-file.js";
export type { BlockRecord, RotationRecord, RunRecord, SiteRecord } from "./pipeline/run-record.js";
export type { StageCost } from "./pipeline/stage-clock.js";
export { blockStages, capture, foldNorms, prune, reconstruct, rotate, transport } from "./pipeline/stages.js";
