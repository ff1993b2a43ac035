import { textTable } from "@denoise-rotator/bench";
import type { SparseResult, SparseRow } from "../suites/sparse.js";
import { describeMachine } from "./suite-report.js";

const loadName = ({ tokens, streaming }: SparseRow): string =>
  tokens === 1 ? `1 token, ${streaming ? "from RAM" : "hot"}` : `${tokens} tokens`;

/** Rows of one shape, load and number of threads, in the order measured. */
function groups(rows: readonly SparseRow[]): SparseRow[][] {
  const byLoad = new Map<string, SparseRow[]>();
  for (const row of rows) {
    const key = `${row.threads},${row.site},${loadName(row)}`;
    byLoad.set(key, [...(byLoad.get(key) ?? []), row]);
  }
  return [...byLoad.values()];
}

/** Cells of one group: shape, load, and rates. */
function cells(group: readonly SparseRow[]): string[] {
  const [first] = group as [SparseRow];
  const dense = Math.max(
    ...group.flatMap(({ contender, gflops }) => (contender.startsWith("dense") ? [gflops] : [])),
  );
  const sparse = (name: SparseRow["contender"]) => {
    const row = group.find(({ contender }) => contender === name);
    return row ? `${row.gflops.toFixed(0)} (${row.speedup.toFixed(2)}×, ${row.bestSpeedup.toFixed(2)}×)` : "";
  };
  return [first.site, loadName(first), dense.toFixed(0), sparse("sparse f32"), sparse("sparse bf16")];
}

const header = ["weight", "load", "dense f32", "2:4 f32", "2:4 bf16"];

/**
 * GFLOP/s of a dense product of that shape; in brackets how many times as fast as the fastest dense contender, by medians and
 * by fastest samples.
 */
export function sparseReport({ machine, versions, rows }: SparseResult): string {
  const threads = [...new Set(rows.map(({ threads }) => threads))];
  const tables = threads.map((count) => {
    const body = groups(rows.filter((row) => row.threads === count)).map(cells);
    return `${count} thread${count === 1 ? "" : "s"}, GFLOP/s of a dense product (speed-up by medians, by fastest samples)\n${textTable([header, ...body])}`;
  });
  return [describeMachine(machine, versions), ...tables].join("\n\n");
}

/** The same as Markdown. */
export function sparseMarkdown({ machine, versions, rows }: SparseResult): string {
  const threads = [...new Set(rows.map(({ threads }) => threads))];
  const line = (list: readonly string[]) => `| ${list.join(" | ")} |`;
  const tables = threads.map((count) =>
    [
      `${count} thread${count === 1 ? "" : "s"}:`,
      "",
      line(header),
      line(header.map((_, i) => (i < 2 ? "---" : "--:"))),
      ...groups(rows.filter((row) => row.threads === count)).map((group) => line(cells(group))),
    ].join("\n"),
  );
  return [`${describeMachine(machine, versions)}.`, ...tables].join("\n\n");
}
