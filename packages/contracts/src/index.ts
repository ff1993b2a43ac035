export {
  type BlockSizes,
  type DecoderBlock,
  type DenseSample,
  type HeadLayout,
  type RotationPair,
  siteOf,
  siteShapes,
  validateBlock,
} from "./block.js";
export type { ColumnScale, Importance } from "./importance.js";
export type {
  ContinuationRequest,
  ContinuationScore,
  LanguageModel,
  LogLikelihoodOptions,
} from "./language-model.js";
export {
  checkPatternFits,
  formatPattern,
  parsePattern,
  patternSparsity,
  type SparsityPattern,
  sharedRows,
} from "./pattern.js";
export {
  disposeStatistics,
  type InputDrift,
  type LinearSite,
  type OutputDrift,
  type ReadonlySite,
  requireStatistics,
  Site,
  type SiteRole,
  type SiteStatistics,
  siteRoles,
} from "./site.js";
