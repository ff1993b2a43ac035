import type { Spread, SweepSummary } from "./summary.js";

/** Names of what differs between rows, and of their metrics, in the order they came. */
function columnsOf({ rows }: SweepSummary): { settings: string[]; metrics: string[] } {
  const names = (of: "settings" | "metrics") => [...new Set(rows.flatMap((row) => Object.keys(row[of])))];
  return { settings: names("settings"), metrics: names("metrics") };
}

/** A row for each setting, metrics as mean ± deviation over seeds; below it what all runs share, and why runs failed. */
export function markdownTable(summary: SweepSummary): string {
  const { settings, metrics } = columnsOf(summary);
  const rows = summary.rows.map((row) => [
    ...settings.map((name) => String(row.settings[name] ?? "–")),
    row.done === row.runs ? String(row.runs) : `${row.done} of ${row.runs}`,
    ...metrics.map((name) => (row.metrics[name] ? shown(row.metrics[name]) : "–")),
  ]);
  const table = [[...settings, "runs", ...metrics], ...rows].map((cells) => cells.map(escaped));
  const widths = table[0]!.map((_, i) => Math.max(3, ...table.map((cells) => cells[i]!.length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`;
  const [head, ...body] = table;
  const shared = Object.entries(summary.shared).map(([name, value]) => `${name} ${value}`);
  return [
    line(head!),
    line(widths.map((width) => "-".repeat(width))),
    ...body.map(line),
    "",
    `All runs: ${shared.join(", ") || "nothing in common"}. Mean ± standard deviation over seeds.`,
    ...summary.failures.map(
      ({ settings: of, error }) =>
        `- failed: ${Object.entries(of)
          .filter(([name]) => !(name in summary.shared))
          .map(([name, value]) => `${name} ${value}`)
          .join(", ")}: ${error}`,
    ),
    "",
  ].join("\n");
}

const escaped = (cell: string) => cell.replaceAll("|", "\\|").replaceAll("\n", " ");

function shown({ mean, standardDeviation }: Spread): string {
  const text = significant(mean);
  if (standardDeviation === null) return text;
  return `${text} ± ${significant(standardDeviation, 2)}`;
}

/** So many digits, without an exponent where they can be read. */
const significant = (value: number, digits = 5): string =>
  value === 0 || (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e7)
    ? String(Number(value.toPrecision(digits)))
    : value.toExponential(2);

/** The same with full figures, RFC 4180: two columns for each metric. */
export function csvTable(summary: SweepSummary): string {
  const { settings, metrics } = columnsOf(summary);
  const head = [...settings, "runs", "done", "failed", ...metrics.flatMap((name) => [name, `${name}_sd`])];
  const rows = summary.rows.map((row) => [
    ...settings.map((name) => row.settings[name]),
    ...[row.runs, row.done, row.failed],
    ...metrics.flatMap((name) => [row.metrics[name]?.mean, row.metrics[name]?.standardDeviation]),
  ]);
  return [head, ...rows].map((cells) => `${cells.map(csvCell).join(",")}\r\n`).join("");
}

function csvCell(value: unknown): string {
  const text = value === undefined || value === null ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
