export { type AbsorbOptions, absorb } from "./absorb.js";
export { type NamedArray, type RotationArrays, rotationFromArrays, rotationToArrays } from "./arrays.js";
export { checkRotation, orthogonalityTolerance } from "./check-rotation.js";
export type { ColumnMetric } from "./column-metric.js";
export { type DenoiseOptions, denoise } from "./denoise.js";
export { directObjective } from "./direct-objective.js";
export { entropyObjective } from "./entropy-objective.js";
export { InvarianceError, RotationError } from "./errors.js";
export { type MetricArrays, metricsFromArrays, metricsToArrays } from "./metric-arrays.js";
export { type BlockMetrics, blockMetrics, type SiteWeights } from "./metrics.js";
export { packProblem, type RotationProblem, rotationProblem } from "./problem.js";
export { type BeforeAfter, type ImportanceObserver, type SiteReport, siteEntropies } from "./report.js";
export {
  identityRotation,
  type ObjectiveReport,
  type OwnedRotation,
  ownRotation,
  type Rotation,
} from "./rotation.js";
export {
  defaultSiteWeights,
  type ObjectiveKind,
  objectiveKinds,
  type RotationPreset,
  type RotationPresetName,
  type RotationSettings,
  resolveSettings,
  rotationPresetNames,
  rotationPresets,
} from "./settings.js";
export {
  denoiseShared,
  type SharedOptions,
  type SharedRotation,
  type SharedSource,
} from "./shared.js";
export { dealtOrder, inputEnergy, type RotationStart, rotationStarts, startingPoint } from "./start.js";
