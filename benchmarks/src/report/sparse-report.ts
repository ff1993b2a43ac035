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
  const ratios = (["sparse f32", "sparse bf16", "shared f32", "shared bf16"] as const).map(sparse);
  return [first.site, loadName(first), dense.toFixed(0), ...ratios];
}

const header = ["weight", "load", "dense f32", "2:4 f32", "2:4 bf16", "2:4/32 f32", "2:4/32 bf16"];

const blockHeader = ["threads", "tokens", "dense f32, ms", "2:4 f32", "2:4 bf16", "weights, MB"];

/** A line for every prompt: milliseconds of a block, and how many times as fast sparse ones are. */
function blockCells({ blocks }: SparseResult): string[][] {
  const prompts = [...new Set(blocks.map(({ threads, tokens }) => `${threads},${tokens}`))];
  return prompts.map((prompt) => {
    const of = (weights: string) =>
      blocks.find((row) => `${row.threads},${row.tokens}` === prompt && row.weights === weights)!;
    const [dense, f32, bf16] = [of("dense f32"), of("sparse f32"), of("sparse bf16")];
    const ratio = ({ speedup, bestSpeedup }: typeof dense) =>
      `${speedup.toFixed(2)}× (${bestSpeedup.toFixed(2)}×)`;
    return [
      ...[...prompt.split(","), dense.medianMs.toFixed(2), ratio(f32), ratio(bf16)],
      [dense, f32, bf16].map(({ weightBytes }) => (weightBytes / 1e6).toFixed(1)).join(" / "),
    ];
  });
}

/**
 * GFLOP/s of a dense product of that shape; in brackets how many times as fast as the fastest dense contender, by medians and
 * by fastest samples.
 */
export function sparseReport(result: SparseResult): string {
  const { machine, versions, rows } = result;
  const threads = [...new Set(rows.map(({ threads }) => threads))];
  const tables = threads.map((count) => {
    const body = groups(rows.filter((row) => row.threads === count)).map(cells);
    return `${count} thread${count === 1 ? "" : "s"}, GFLOP/s of a dense product (speed-up by medians, by fastest samples)\n${textTable([header, ...body])}`;
  });
  const blocks = `a block on a prompt\n${textTable([blockHeader, ...blockCells(result)])}`;
  return [describeMachine(machine, versions), ...tables, blocks].join("\n\n");
}

/** The same as Markdown: the products, and the block. */
export function sparseMarkdown(result: SparseResult): { readonly products: string; readonly block: string } {
  const { machine, versions, rows } = result;
  const threads = [...new Set(rows.map(({ threads }) => threads))];
  const line = (list: readonly string[]) => `| ${list.join(" | ")} |`;
  const table = (head: readonly string[], left: number, body: readonly string[][]) =>
    [line(head), line(head.map((_, i) => (i < left ? "---" : "--:"))), ...body.map(line)].join("\n");
  const products = threads.map((count) => {
    const body = groups(rows.filter((row) => row.threads === count)).map(cells);
    return `${count} thread${count === 1 ? "" : "s"}:\n\n${table(header, 2, body)}`;
  });
  const described = `${describeMachine(machine, versions)}.`;
  return {
    products: [described, ...products].join("\n\n"),
    block: `${described}\n\n${table(blockHeader, 0, blockCells(result))}`,
  };
}
