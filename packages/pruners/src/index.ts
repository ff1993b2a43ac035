export { type AdmmOptions, admm } from "./admm.js";
export {
  type AllocationBounds,
  type AllocationSite,
  allocateSparsity,
  type ScoreProfile,
  scoreProfile,
} from "./allocation.js";
export { magnitudeImportance, wandaImportance } from "./importances.js";
export { type ComparisonGroup, keepLargest, maskObeys, removedCount } from "./masks.js";
export { type MatchOptions, matchedWeight } from "./match.js";
export { none } from "./none.js";
export {
  type BlockReport,
  type MeasuredSiteReport,
  type PruneBlockOptions,
  type PruneBlockStep,
  pruneBlock,
} from "./prune-block.js";
export {
  type PruneSiteOptions,
  type PruneStep,
  pruneSite,
  relativeError,
  type SiteReport,
} from "./prune-site.js";
export type { PruneResult, Pruner, PrunerOptions } from "./pruner.js";
export { type ReconstructOptions, type ReconstructReport, reconstructBlock } from "./reconstruct.js";
export { type Refinement, type RefineOptions, refine, refinements } from "./refine.js";
export { createPruner, type PrunerFactory, prunerNames, registerPruner } from "./registry.js";
export { magnitude, wanda } from "./score-pruner.js";
export { SharedWork } from "./shared-work.js";
export { type SparseGptOptions, sparsegpt, sparsegptImportance } from "./sparsegpt.js";
export { type TransportReport, transport } from "./transport.js";
