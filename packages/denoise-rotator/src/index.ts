export { type DemoOptions, type DemoResult, type DemoRow, demo } from "./demo.js";
export { type Comparison, type ComparisonRow, compareEvaluations } from "./evaluation/compare-evaluations.js";
export {
  type EvaluateModelOptions,
  evaluateModel,
  type ModelEvaluation,
} from "./evaluation/evaluate-model.js";
export { loadEvaluators } from "./evaluation/load-evaluators.js";
export { rowSource } from "./evaluation/row-source.js";
export { subjectOf } from "./evaluation/subject.js";
export { type BackendName, type BackendTuning, backendNames, openBackend } from "./pipeline/backends.js";
export type { BlockContext, RunContext, Stage } from "./pipeline/context.js";
export { type EvaluationOptions, evaluate } from "./pipeline/evaluate.js";
export { MemoryBudgetError, type MemoryPlan } from "./pipeline/memory/memory-plan.js";
export { planPrune } from "./pipeline/memory/run-plan.js";
export type { ProgressEvent, PruneOptions, ResolvedOptions } from "./pipeline/options.js";
export { pruneModel } from "./pipeline/prune-model.js";
export { type Quality, type QualityName, qualities } from "./pipeline/quality.js";
export { loadRotations, saveRotations } from "./pipeline/rotation-file.js";
export type { BlockRecord, RotationRecord, RunRecord, SiteRecord } from "./pipeline/run-record.js";
export type { StageCost } from "./pipeline/stage-clock.js";
export { blockStages, capture, foldNorms, prune, reconstruct, rotate, transport } from "./pipeline/stages.js";
