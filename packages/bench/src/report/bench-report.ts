import type { BenchResult, BenchRow } from "../result.js";
import { markdownTable, textTable } from "./text-table.js";

export type ReportFormat = "text" | "markdown";

export const reportHeader = (baseline: string | null): string[] => [
  ...["work", "contender", "ms", "spread", baseline === null ? "ratio" : `× ${baseline}`],
  ...["GFLOP/s", "GB/s", "error"],
];

/** The cells of a row; of one that is not ranked, why. */
export function reportCells(row: BenchRow): string[] {
  const { work, contender } = row;
  if (row.status === "wrong") {
    const error = row.error === null ? "NaN" : row.error.toExponential(1);
    return [work, contender, "wrong", "", "", "", "", `${error}, ${row.tolerance.toExponential(0)} allowed`];
  }
  if (row.status !== "ok") return [work, contender, row.status, "", "", "", "", row.reason];
  return [
    ...[work, contender, significant(row.median), `${(100 * row.spread).toFixed(0)} %`],
    ...[row.ratio, row.gflops, row.gigabytes].map((value) => (value === null ? "" : significant(value))),
    row.error.toExponential(1),
  ];
}

/** Three digits, without an exponent where they can be read. */
const significant = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 0.001 ? value.toPrecision(3) : value.toExponential(1);

/** Machine, adapters and versions; a line for each work and contender; who is not there, and why. */
export function benchReport(result: BenchResult, format: ReportFormat = "text"): string {
  const rows = [reportHeader(result.settings.baseline), ...result.rows.map(reportCells)];
  const absent = result.absent.map(({ contender, reason }) => `${contender}: ${reason}`);
  if (format === "text") {
    const list = absent.length === 0 ? [] : ["", "not there:", ...absent.map((line) => `  ${line}`)];
    return [...describeRun(result), "", textTable(rows), ...list].join("\n");
  }
  const list = absent.length === 0 ? [] : ["", ...absent.map((line) => `- not there: ${line}`)];
  return [describeRun(result).join("  \n"), "", markdownTable(rows), ...list].join("\n");
}

/** Where and with what a result was measured, in lines. */
export function describeRun({ host, contenders, settings, date }: BenchResult): string[] {
  const memory = host.sharedMemory ? "shared memory" : "no shared memory, so no threads";
  return [
    `${host.engine}, ${host.cpu ? `${host.cpu}, ` : ""}${host.cores} cores, ${memory}`,
    `WebGPU: ${host.webgpu}`,
    `WebGL: ${host.webgl}`,
    `medians of ${settings.rounds} interleaved samples of at least ${settings.sampleMilliseconds} ms, ${date.slice(0, 10)}`,
    ...contenders.map(describeContender),
  ];
}

function describeContender({ name, package: from, version, description }: BenchResult["contenders"][number]) {
  const details = Object.entries(description).map(([key, value]) => `${key} ${value}`);
  const origin = [from, version].filter((part) => part).join(" ");
  return `${name}: ${[origin, ...details].filter((part) => part).join(", ") || "this package"}`;
}
