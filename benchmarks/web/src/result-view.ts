import {
  type BenchResult,
  type BenchRow,
  describeRun,
  missingLines,
  plotPoints,
  ratiosAgainst,
  reportCells,
  reportHeader,
} from "@denoise-rotator/bench";
import { create, element } from "./elements.js";
import { drawPlot, type Metric } from "./plot.js";

/** A line for each work and contender that has it; the quickest of each work stands out. */
export function showRows(rows: readonly BenchRow[], baseline: string | null): void {
  const against = baseline === null ? rows : ratiosAgainst(rows, baseline);
  const head = create("tr");
  head.append(...reportHeader(baseline).map((cell) => create("th", cell, { scope: "col" })));
  const works = [...new Set(against.map(({ work }) => work))];
  const quickest = new Set(works.map((name) => quickestOf(against.filter(({ work }) => work === name))));
  const body = against
    .filter(({ status }) => status !== "unsupported")
    .map((row) => {
      const line = create("tr", "", { className: quickest.has(row) ? "ok best" : row.status });
      line.append(...reportCells(row).map((cell) => create("td", cell)));
      return line;
    });
  element("table", "table").replaceChildren(wrap("thead", [head]), wrap("tbody", body));
}

function wrap(tag: "thead" | "tbody", rows: readonly HTMLElement[]): HTMLElement {
  const made = create(tag);
  made.append(...rows);
  return made;
}

function quickestOf(rows: readonly BenchRow[]): BenchRow | undefined {
  const measured = rows.filter((row) => row.status === "ok");
  return measured.reduce<(typeof measured)[number] | undefined>(
    (best, row) => (best === undefined || row.median < best.median ? row : best),
    undefined,
  );
}

/** All of a result: where it was measured, plot, table, who is missing. */
export function showResult(result: BenchResult, metric: Metric): void {
  element("p", "about").textContent = describeRun(result).join("\n");
  showRows(result.rows, result.settings.baseline);
  element("ul", "missing").replaceChildren(...missingLines(result).map((line) => create("li", line)));
  element("div", "plot").replaceChildren(drawPlot(plotPoints(result), metric, result.settings.baseline));
}
