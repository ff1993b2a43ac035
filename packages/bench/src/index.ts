export {
  type Contender,
  type ContenderSource,
  type Dense,
  type Description,
  type Prepared,
  Unsupported,
  type Work,
  type WorkCheck,
  type WorkKind,
  workKinds,
} from "./contender.js";
export { jaxJs } from "./contenders/jax-js.js";
export { naive, naiveName } from "./contenders/naive.js";
export { type OnnxRuntime, onnxruntimeWeb, onnxTable } from "./contenders/onnxruntime.js";
export { type OurOptions, ours } from "./contenders/ours.js";
export type { PeerOptions } from "./contenders/peer-options.js";
export { type PeerName, peerNames, peerSource } from "./contenders/peers.js";
export {
  type Arrays,
  contender,
  operationsOf,
  type Prepare,
  type PrepareTable,
} from "./contenders/table.js";
export { type TfjsBackend, tfjs } from "./contenders/tfjs.js";
export { describeHost, describeWebgl, describeWebgpu } from "./host.js";
export {
  benchReport,
  describeRun,
  missingLines,
  type ReportFormat,
  reportCells,
  reportHeader,
} from "./report/bench-report.js";
export { type PlotPoint, plotPoints } from "./report/plot-points.js";
export { markdownTable, textTable } from "./report/text-table.js";
export {
  type BenchResult,
  BenchResultError,
  type BenchRow,
  benchResultVersion,
  type Host,
  type MeasuredRow,
  parseBenchResult,
  ratiosAgainst,
  withBaseline,
} from "./result.js";
export { type BenchOptions, type BenchProgress, runBench } from "./run-bench.js";
export { mean, median, quantile, relativeSpread, standardDeviation } from "./statistics.js";
export { timeRuns, type Wait, type WarmUpOptions, warmUp } from "./timing.js";
export {
  type BlockShape,
  type BlockShapeName,
  blockShapes,
  shapeOfSizes,
  statisticsRoles,
  weightShapes,
} from "./works/block-shape.js";
export { decoderBlock } from "./works/decoder-block.js";
export { add, exp, log, rmsNorm, rmsNormEpsilon, softmax } from "./works/elementwise.js";
export { cholesky, qr, symmetricEigen, triangularInverse } from "./works/factorisations.js";
export { workChecks } from "./works/index.js";
export { learning, learningCheck, learningSteps, randomBlock } from "./works/learning.js";
export { attention, gemm, linear } from "./works/products.js";
export { uniform } from "./works/random.js";
export { rowMax, sum } from "./works/reductions.js";
export { rotationStep } from "./works/rotation-step.js";
export { benchKinds, linears, type WorkSetName, workSet, workSetNames } from "./works/sets.js";
