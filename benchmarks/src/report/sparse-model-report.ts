import type { MeasuredModel, SparseModelResult } from "../suites/sparse-model.js";
import { describeMachine } from "./suite-report.js";

const mebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(0);

/** Markdown: what was measured, and a table of loads for each model. */
export function sparseModelReport({ models, machine, versions, rounds }: SparseModelResult): string {
  const described = `${describeMachine(machine, versions)}, one thread, medians of ${rounds}.`;
  return [described, ...models.map(modelTable)].join("\n\n");
}

function modelTable({ model, siteBytes, rows }: MeasuredModel): string {
  const { shape, blocks, vocabulary } = model;
  const [dense, packed] = [mebibytes(siteBytes.dense), mebibytes(siteBytes.packed)];
  return [
    `${shape}, ${blocks} blocks, vocabulary ${vocabulary}; linear layers ${dense} MiB dense f32, ${packed} MiB packed bf16:`,
    "",
    "| load | dense, ms | packed, ms | speed-up |",
    "| --- | --: | --: | --: |",
    ...rows.map(
      ({ load, denseMs, packedMs, speedup }) =>
        `| ${load} | ${denseMs.toFixed(1)} | ${packedMs.toFixed(1)} | ${speedup.toFixed(2)}× |`,
    ),
  ].join("\n");
}
