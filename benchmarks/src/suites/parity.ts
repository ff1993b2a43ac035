import { fileURLToPath } from "node:url";
import { wasm } from "@denoise-rotator/backend-wasm";
import { markdownTable } from "@denoise-rotator/bench";
import { insertIntoFile } from "../ablation/insert-table.js";
import { engineVersions, type Machine, machine } from "../machine.js";
import { measureTaskParity, type ParityRow, type TaskParity } from "../parity/task-parity.js";

const document = fileURLToPath(new URL("../../../docs/evaluation.md", import.meta.url));

export interface ParityResult extends TaskParity {
  readonly suite: "parity";
  readonly machine: Machine;
  readonly versions: Record<string, string>;
}

/** Our zero-shot figures beside those of lm-evaluation-harness; `writeDocs` puts the table into `docs/evaluation.md`. */
export async function runParity(writeDocs: boolean): Promise<{ result: ParityResult; text: string }> {
  await using device = await wasm();
  const parity = await measureTaskParity(device);
  const result = { suite: "parity" as const, machine: machine(), versions: engineVersions(), ...parity };
  const text = parityTable(result);
  if (writeDocs) insertIntoFile(document, "task-parity", text);
  return { result, text };
}

function parityTable({ rows, source, backend, versions }: ParityResult): string {
  const head = [...["task", "rows", "metric", "ours", "lm-eval", "Δ ln p at most"], "rows that differ"];
  const cells = rows.flatMap((row) => row.metrics.map((metric) => metricCells(row, metric)));
  return `${markdownTable([head, ...cells])}\n\nReference: ${source}. Ours: \`${backend}\`, Node ${versions.node}.`;
}

function metricCells(row: ParityRow, metric: ParityRow["metrics"][number]): string[] {
  const { name, ours, ourError, theirs, theirError } = metric;
  const figure = (value: number, error: number) =>
    name === "perplexity" ? value.toFixed(1) : `${value.toFixed(4)} ± ${error.toFixed(4)}`;
  return [
    ...[row.run, String(row.rows), name, figure(ours, ourError), figure(theirs, theirError)],
    ...[row.scoreError.toExponential(1), String(row.rowDifferences + row.greedyDifferences)],
  ];
}
