import type { BenchResult } from "../result.js";

/** One measured row as a plot wants it. */
export interface PlotPoint {
  readonly work: string;
  readonly kind: string;
  readonly contender: string;
  readonly milliseconds: number;
  /** Quickest and slowest sample. */
  readonly low: number;
  readonly high: number;
  readonly ratio: number | null;
  readonly gflops: number | null;
  readonly gigabytes: number | null;
}

/** The measured rows; what is wrong, missing or failed is no point. */
export function plotPoints({ rows, works }: BenchResult): PlotPoint[] {
  const kinds = new Map(works.map(({ name, kind }) => [name, kind]));
  return rows.flatMap((row) => {
    if (row.status !== "ok") return [];
    const { work, contender, median, samples, ratio, gflops, gigabytes } = row;
    return {
      ...{ work, kind: kinds.get(work) ?? "", contender, milliseconds: median, ratio, gflops, gigabytes },
      ...{ low: Math.min(...samples), high: Math.max(...samples) },
    };
  });
}
