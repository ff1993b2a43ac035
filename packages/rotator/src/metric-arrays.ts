import type { Importance } from "@denoise-rotator/contracts";
import { type CreationOptions, fromArray, type Tensor, toNumbers } from "@denoise-rotator/core";
import type { NamedArray } from "./arrays.js";
import type { ColumnMetric } from "./column-metric.js";
import { RotationError } from "./errors.js";
import { type BlockMetrics, completeWeights, type SiteWeights } from "./metrics.js";

/** Names of the arrays of metrics; an importance that weighs no columns has `factors` only. */
export const metricNames = ["attention", "mlp", "output", "downScale", "factors"] as const;

/** Plain f32 arrays of a block's metrics, for files. */
export type MetricArrays = Partial<Readonly<Record<(typeof metricNames)[number], NamedArray>>>;

export async function metricsToArrays(metrics: BlockMetrics): Promise<MetricArrays> {
  const { attention, mlp, output, downScale, factors } = metrics;
  const tensors = {
    attention: attention?.matrix,
    mlp: mlp?.matrix,
    output: output?.matrix,
    ...{ downScale, factors },
  };
  const arrays: [string, NamedArray][] = [];
  for (const [name, x] of Object.entries(tensors)) {
    if (x) arrays.push([name, { shape: [...x.shape], data: Float32Array.from(await toNumbers(x)) }]);
  }
  return Object.fromEntries(arrays);
}

/** The metrics in such arrays, which were taken with the same importance and site weights. The caller disposes. */
export function metricsFromArrays(
  arrays: MetricArrays,
  importance: Importance,
  options: CreationOptions & { readonly siteWeights?: SiteWeights },
): BlockMetrics {
  const { siteWeights, ...creation } = options;
  const made: Tensor[] = [];
  const tensor = (name: keyof MetricArrays): Tensor | undefined => {
    const array = arrays[name];
    if (!array) return undefined;
    const x = fromArray(array.data, array.shape, creation);
    made.push(x);
    return x;
  };
  const inverse = importance.columnScale === "inverseDiagonal";
  const metric = (name: keyof MetricArrays): ColumnMetric | undefined => {
    const matrix = tensor(name);
    return matrix && { matrix, inverse };
  };
  if (!arrays.factors) throw new RotationError("these arrays are no metrics: there are no factors");
  return {
    attention: metric("attention"),
    mlp: metric("mlp"),
    output: metric("output"),
    downScale: tensor("downScale"),
    factors: tensor("factors")!,
    siteWeights: completeWeights(siteWeights),
    dispose: () => made.forEach((x) => void x.dispose()),
  };
}
