import type { PlotPoint } from "@denoise-rotator/bench";
import * as Plot from "@observablehq/plot";
import { create } from "./elements.js";

export type Metric = "milliseconds" | "ratio" | "gflops" | "gigabytes";

const labels: Readonly<Record<Metric, string>> = {
  milliseconds: "milliseconds, from the quickest to the slowest sample (less is better)",
  ratio: "times the baseline (less is better)",
  gflops: "GFLOP/s (more is better)",
  gigabytes: "GB/s (more is better)",
};

/** Works as rows, contenders as marks, on a logarithmic axis. */
export function drawPlot(points: readonly PlotPoint[], metric: Metric, baseline: string | null): Element {
  const shown = points.filter((point) => point[metric] !== null);
  if (shown.length === 0) return create("p", "nothing measured has this figure");
  const contenders = [...new Set(points.map(({ contender }) => contender))];
  const works = [...new Set(shown.map(({ work }) => work))];
  const whiskers =
    metric === "milliseconds"
      ? [Plot.ruleY(shown, { y: "work", x1: "low", x2: "high", stroke: "contender" })]
      : [];
  const label =
    metric === "ratio" && baseline !== null ? `times ${baseline} (less is better)` : labels[metric];
  return Plot.plot({
    ...{ width: 1000, height: 90 + 26 * works.length, marginLeft: 190, style: { fontSize: "13px" } },
    x: { type: "log", label, grid: true },
    y: { domain: works, label: null },
    color: { domain: contenders, scheme: "turbo", legend: true },
    symbol: { domain: contenders, legend: true },
    marks: [
      ...(metric === "ratio" ? [Plot.ruleX([1], { stroke: "currentColor" })] : []),
      ...whiskers,
      Plot.dot(shown, {
        ...{ x: metric, y: "work", stroke: "contender", symbol: "contender", strokeWidth: 2, r: 4 },
        tip: { fill: "var(--panel)" },
      }),
    ],
  });
}
