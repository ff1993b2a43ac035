import type { BenchResult, BenchRow } from "../result.js";
import { markdownTable, textTable } from "./text-table.js";

export type ReportFormat = "text" | "markdown";

export const reportHeader = (baseline: string | null): string[] => [
  ...["work", "contender", "ms", "spread", baseline === null ? "ratio" : `× ${baseline}`],
  ...["GFLOP/s", "GB/s", "error"],
];

/** The cells of a row; of one that is not ranked, the reason stands last. */
export function reportCells(row: BenchRow): string[] {
  const { work, contender } = row;
  if (row.status === "wrong") {
    const error = row.error === null ? "NaN" : row.error.toExponential(1);
    return [work, contender, "wrong", "", "", "", "", `${error} > ${row.tolerance.toExponential(0)}`];
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

/** Machine, adapters and versions; a line for each work and contender; who is missing where, and why. */
export function benchReport(result: BenchResult, format: ReportFormat = "text"): string {
  const present = result.rows.filter(({ status }) => status === "ok" || status === "wrong");
  const rows = [reportHeader(result.settings.baseline), ...present.map(reportCells)];
  const missing = missingLines(result);
  const about = describeRun(result);
  if (format === "text") {
    const list = missing.length === 0 ? [] : ["", "not measured:", ...missing.map((line) => `  ${line}`)];
    return [...about, "", textTable(rows), ...list].join("\n");
  }
  const list = missing.length === 0 ? [] : ["", ...missing.map((line) => `- not measured: ${line}`)];
  return [about.join("  \n"), "", markdownTable(rows), ...list].join("\n");
}

/** A line for each contender and reason, with the works where it is not all of them. */
export function missingLines({ absent, rows }: BenchResult): string[] {
  const groups = new Map<string, string[]>(
    absent.map(({ contender, reason }) => [`${contender}: ${reason}`, []]),
  );
  for (const row of rows) {
    if (row.status === "ok" || row.status === "wrong") continue;
    const key = `${row.contender}: ${row.status === "failed" ? "failed: " : ""}${row.reason}`;
    groups.set(key, [...(groups.get(key) ?? []), row.work]);
  }
  return [...groups].map(([key, works]) => (works.length === 0 ? key : `${key} (${works.join(", ")})`));
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
