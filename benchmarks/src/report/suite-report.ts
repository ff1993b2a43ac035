import { textTable } from "@denoise-rotator/bench";
import type { LeftOut, Row } from "../harness/harness.js";
import type { Machine } from "../machine.js";
import type { Peaks } from "../peaks/index.js";
import { type LearningSummary, learningReport } from "./learning-summary.js";

/** What a suite of works prints with `--json` and keeps. */
export interface SuiteResult {
  readonly suite: string;
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  /** Physical limits, by number of threads. */
  readonly peaks: readonly Peaks[];
  readonly rows: readonly Row[];
  readonly leftOut: readonly LeftOut[];
  /** Of the suite `solver`. */
  readonly learning?: readonly LearningSummary[];
}

/** Machine, versions, limits, one line for each row, and who was left out. */
export function suiteReport({ machine, versions, peaks, rows, leftOut, learning }: SuiteResult): string {
  const header = [
    "work",
    "contender",
    "threads",
    "median ms",
    "ratio",
    "GFLOP/s",
    "of 128-bit peak",
    "of 256-bit peak",
    "error",
  ];
  const body = rows.map((row) => {
    const peak = peaks.find(({ threads }) => threads === row.threads);
    const share = (limit: number | null | undefined) =>
      row.gflops === null || !limit
        ? ""
        : `${((100 * row.gflops) / limit).toFixed(0)} % of ${limit.toFixed(0)}`;
    return [
      row.work,
      row.contender,
      String(row.threads),
      row.median < 0.1 ? row.median.toPrecision(3) : row.median.toFixed(2),
      row.ratio === null ? "" : row.ratio.toFixed(2),
      row.gflops === null ? "" : row.gflops.toFixed(1),
      share(peak?.bits128),
      share(peak?.bits256),
      row.error.toExponential(1),
    ];
  });
  return [
    describeMachine(machine, versions),
    ...peaks.map(describePeaks),
    "",
    textTable([header, ...body]),
    ...(learning ? ["", learningReport(learning)] : []),
    ...leftOutLines(leftOut),
  ].join("\n");
}

export function describeMachine(machine: Machine, versions: Readonly<Record<string, string>>): string {
  const { cpu, cores, memoryGiB, platform, vectorBits } = machine;
  const vectors = vectorBits === null ? "" : `, vectors of ${vectorBits} bits`;
  const list = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `${cpu}, ${cores} cores${vectors}, ${memoryGiB} GiB, ${platform}\n${list.join(", ")}`;
}

export const describePeaks = ({ threads, bits128, fma, bits256 }: Peaks): string => {
  const wide = bits256 === null ? "no 256-bit vectors in this engine" : `256-bit ${bits256.toFixed(1)}`;
  const kind = fma ? "" : " (multiplication and addition apart: no relaxed SIMD)";
  return `peak in GFLOP/s, ${threads} thread${threads > 1 ? "s" : ""}: 128-bit ${bits128.toFixed(1)}${kind}, ${wide}`;
};

/** One line for each contender and reason, with the works it concerns. */
export function leftOutLines(leftOut: readonly LeftOut[]): string[] {
  const groups = new Map<string, string[]>();
  for (const { work, contender, threads, reason } of leftOut) {
    const key = `${contender}, ${threads} thread${threads > 1 ? "s" : ""}: ${reason}`;
    groups.set(key, [...(groups.get(key) ?? []), work]);
  }
  if (groups.size === 0) return [];
  return ["", "left out:", ...[...groups].map(([key, works]) => `  ${key} (${works.join(", ")})`)];
}
