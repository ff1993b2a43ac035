import type { EvaluationResult, ProtocolResult } from "@denoise-rotator/evaluators";
import type { ModelEvaluation } from "../evaluation/evaluate-model.js";
import { formatTable } from "./tables.js";

/** A row a metric, a column a model; ↑ where more is better. */
export function evaluationTable(evaluations: readonly ModelEvaluation[]): string {
  const [first] = evaluations;
  const rows: string[][] = [];
  if (first?.perplexity !== undefined) {
    rows.push(["perplexity ↓", ...evaluations.map(perplexityCell)]);
  }
  for (const [i, { task, metrics }] of (first?.tasks ?? []).entries()) {
    for (const [name, { higherIsBetter }] of Object.entries(metrics)) {
      const cells = evaluations.map(({ tasks }) => metricCell(tasks[i]!, name));
      rows.push([`${task} ${name} ${higherIsBetter ? "↑" : "↓"}`, ...cells]);
    }
  }
  return formatTable(["", ...evaluations.map(({ model }) => model)], rows);
}

/** What a protocol read, and what it left out. */
function textNote({ task, version, text }: ProtocolResult): string {
  const { windows, tokens, bytes, documents } = text;
  const { droppedTokens, unpredictedTokens, skippedWindows, bootstrap } = text;
  const error = bootstrap
    ? `± by resampling ${documents} documents (over windows ± ${text.perplexityStandardError.toFixed(4)})`
    : "± over windows";
  const skipped = skippedWindows > 0 ? ` (${skippedWindows} windows left out)` : "";
  return (
    `${task} (version ${version}): ${tokens} tokens predicted in ${windows} windows, ${bytes} bytes; ` +
    `${droppedTokens} tokens dropped${skipped}, ${unpredictedTokens} not predicted; ${error}`
  );
}

const perplexityCell = ({ perplexity, perplexityStandardError }: ModelEvaluation) =>
  withError(perplexity!, perplexityStandardError!);

function metricCell({ metrics }: EvaluationResult, name: string): string {
  const { value, standardError } = metrics[name]!;
  return withError(value, standardError);
}

const withError = (value: number, error: number | null) =>
  `${value.toFixed(4)} ± ${error === null ? "?" : error.toFixed(4)}`;

/** What the figures are of, and what was cut: a line each. */
export function evaluationNotes(evaluations: readonly ModelEvaluation[]): string[] {
  const notes = new Set<string>();
  for (const { model, tokens, windows, tasks } of evaluations) {
    if (windows !== undefined) notes.add(`perplexity of ${tokens} tokens in ${windows} windows`);
    for (const result of tasks) {
      const { task, version, rows, limited, truncated } = result;
      if ("text" in result) {
        notes.add(textNote(result as ProtocolResult));
        continue;
      }
      notes.add(`${task} (version ${version}): ${limited ? `the first ${rows} rows` : `${rows} rows`}`);
      if (!truncated || truncated.requests === 0) continue;
      notes.add(
        `${task}, ${model}: ${truncated.requests} of ${truncated.ofRequests} requests are longer than the model's context; ${truncated.tokens} tokens were cut from the left`,
      );
    }
  }
  return [...notes];
}
