import { markdownTable } from "@denoise-rotator/bench";
import { base } from "../contenders/names.js";
import type { Row } from "../harness/harness.js";
import { type FloorOutcome, floors, olderFloors, outcomes, type Range, worstErrorRatio } from "./floors.js";
import { kernelLines, type ProfileResult, productsLine, profiledRun, stageLines } from "./profile-report.js";
import { describeMachine, describePeaks, type SuiteResult } from "./suite-report.js";

/** Results of suites, as far as they were kept. */
export interface Kept {
  readonly kernels?: SuiteResult;
  readonly linalg?: SuiteResult;
  readonly solver?: SuiteResult;
  /** Of the oldest engine that is supported. */
  readonly olderKernels?: SuiteResult;
  readonly profile?: ProfileResult;
}

/** Tables of `docs/benchmarks.md`, by the name of their markers. */
export function benchmarkTables(kept: Kept): Record<string, string> {
  const { kernels, linalg, solver, olderKernels, profile } = kept;
  return {
    floors: floorTable([
      ...outcomes([...(kernels?.rows ?? []), ...(linalg?.rows ?? [])], kernels?.peaks ?? [], floors),
      ...outcomes(olderKernels?.rows ?? [], olderKernels?.peaks ?? [], olderFloors).map(named(", Node 20")),
    ]),
    errors: errorLine(kernels?.rows ?? []),
    ...(kernels ? { kernels: suiteTables(kernels) } : {}),
    ...(linalg ? { linalg: suiteTables(linalg) } : {}),
    ...(solver ? { solver: `${described(solver)}\n\n${learningTable(solver)}` } : {}),
    ...(profile ? { profile: profileTables(profile) } : {}),
    ...(olderKernels ? { older: suiteTables(olderKernels) } : {}),
  };
}

const profileTables = (result: ProfileResult): string =>
  [
    describeMachine(result.machine, result.versions).replace("\n", "  \n"),
    `${profiledRun(result)}; ${productsLine(result)}.`,
    markdownTable(stageLines(result)),
    markdownTable(kernelLines(result)),
  ].join("\n\n");

const named =
  (suffix: string) =>
  (outcome: FloorOutcome): FloorOutcome => ({
    ...outcome,
    floor: { ...outcome.floor, what: outcome.floor.what + suffix },
  });

function floorTable(all: readonly FloorOutcome[]): string {
  const range = (measured: Range | undefined) => {
    if (!measured) return "not measured";
    const [least, most] = [measured.least.toFixed(2), measured.most.toFixed(2)];
    return least === most ? `${least}×` : `${least}–${most}×`;
  };
  const verdict = (wanted: number | undefined, measured: Range | undefined) => {
    if (wanted === undefined) return "";
    const holds = measured ? (measured.least >= wanted ? "yes" : "**no**") : "";
    const limit = measured?.possible;
    const possible = limit !== undefined && limit < wanted ? ` (at most ${limit.toFixed(2)}× at peak)` : "";
    return `≥ ${wanted}×: ${range(measured)}${holds && `, ${holds}`}${possible}`;
  };
  return markdownTable([
    ["work", "against", "threads", "default", "turbo"],
    ...all.map(({ floor, plain, turbo }) => [
      floor.what,
      floor.against,
      String(floor.threads),
      verdict(floor.plain, plain),
      verdict(floor.turbo, turbo),
    ]),
  ]);
}

function errorLine(rows: readonly Row[]): string {
  const parts = [base, `${base}-turbo`].flatMap((name) => {
    const worst = worstErrorRatio(rows, name);
    return worst ? [`${name} at most ${worst.ratio.toFixed(2)}× PyTorch's (${worst.work})`] : [];
  });
  return parts.length > 0 ? `Error of products against f64: ${parts.join("; ")}.` : "Not measured.";
}

const described = ({ machine, versions, peaks }: SuiteResult) =>
  [...describeMachine(machine, versions).split("\n"), ...peaks.map(describePeaks)].join("  \n");

/** One table for each number of threads: works by contenders. */
function suiteTables(result: SuiteResult): string {
  const counts = [...new Set(result.rows.map(({ threads }) => threads))];
  const tables = counts.map((threads) => {
    const rows = result.rows.filter((row) => row.threads === threads);
    const contenders = [...new Set(rows.map(({ contender }) => contender))];
    const works = [...new Set(rows.map(({ work }) => work))];
    const body = works.map((work) => [
      work,
      ...contenders.map((name) => cell(rows.find((row) => row.work === work && row.contender === name))),
    ]);
    const title = `${threads === 1 ? "One thread" : `${threads} threads`}; milliseconds (time over ours), GFLOP/s:`;
    return `${title}\n\n${markdownTable([["work", ...contenders], ...body])}`;
  });
  return [described(result), ...tables].join("\n\n");
}

function cell(row: Row | undefined): string {
  if (!row) return "–";
  const time = row.median < 0.1 ? row.median.toPrecision(2) : row.median.toFixed(row.median < 10 ? 2 : 1);
  const ratio = row.ratio === null || row.contender === base ? "" : ` (${row.ratio.toFixed(2)}×)`;
  const rate = row.gflops === null ? "" : `, ${row.gflops.toFixed(0)}`;
  return `${time}${ratio}${rate}`;
}

function learningTable({ learning = [] }: SuiteResult): string {
  return markdownTable([
    [
      "work",
      "threads",
      "ours",
      "PyTorch, 400 steps of the paper's recipe",
      "faster",
      "FLOPs over qr-adam's 2000 steps",
    ],
    ...learning.map((each) => [
      each.work,
      String(each.threads),
      `${each.ours.toFixed(0)} ms`,
      `${each.scaled.toFixed(0)} ms (${each.measured.toFixed(0)} ms for ${each.measuredSteps})`,
      `${each.speedup.toFixed(2)}×`,
      each.flopsRatio === null ? "" : `1/${(1 / each.flopsRatio).toFixed(1)}`,
    ]),
  ]);
}
