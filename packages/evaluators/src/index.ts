export { type BootstrapOptions, bootstrapMean, type Interval } from "./compare/bootstrap.js";
export { comparePaired, type PairedComparison } from "./compare/compare-values.js";
export { type Discordance, mcnemar } from "./compare/mcnemar.js";
export {
  type EvaluationResult,
  type Evaluator,
  type EvaluatorOptions,
  taskEvaluator,
} from "./evaluator.js";
export { type PerplexityOptions, type PerplexityResult, perplexity } from "./perplexity.js";
export { evaluatorsOf, type PlugIn, type PlugInLibrary } from "./plug-in.js";
export { findProtocol, type PerplexityProtocol, protocols } from "./protocols/protocol.js";
export {
  documentsOf,
  type ProtocolOptions,
  type ProtocolResult,
  protocolEvaluator,
} from "./protocols/protocol-evaluator.js";
export { type BootstrapErrors, documentBootstrap, type Part, ratioError } from "./protocols/ratio-error.js";
export {
  type ScoredWindow,
  type ScoredWindows,
  type ScoredWindowsOptions,
  scoredWindows,
} from "./protocols/scored-windows.js";
export {
  type TextPerplexityOptions,
  type TextPerplexityResult,
  textPerplexity,
} from "./protocols/text-perplexity.js";
export { type Beginning, beginnings, type TextStream, textStream } from "./protocols/text-stream.js";
export { type PairEncoder, pairEncoder, type TextTokenizer } from "./tasks/encode-pair.js";
export {
  type EvaluateTaskOptions,
  evaluateTask,
  type MetricResult,
  type RowSource,
  type Subject,
  type TaskResult,
  type TaskSample,
} from "./tasks/evaluate-task.js";
export { type FewShotOptions, type Sampler, samplers } from "./tasks/few-shot.js";
export {
  type Estimate,
  type Metric,
  type MetricName,
  meanEstimate,
  metricNames,
  metrics,
  type Outcome,
} from "./tasks/metrics.js";
export { builtInTasks, findTask } from "./tasks/registry.js";
export {
  type Answer,
  type ChoiceTask,
  type ContextTask,
  type ContinuationTask,
  type Row,
  type Task,
  type TaskDataset,
  TaskError,
  type Template,
} from "./tasks/task.js";
export { type EvenWindows, type EvenWindowsOptions, evenWindows } from "./windows.js";
