import type { KernelSource } from "./kernel-source.js";
import { integers } from "./kernel-source.js";
import { division, walk } from "./positions.js";

/**
 * An element of alpha·a·b, or of that added to `old`, per thread: rows m, columns n, and `rank` leading axes. Four terms
 * of the sum at a time.
 */
export function matmulSource(rank: number, accumulate: boolean): KernelSource {
  const operands = accumulate ? ["a", "b", "o"] : ["a", "b"];
  const batch = walk(rank, operands, "matrix");
  const old = accumulate ? ({ oValues: "array", oRow: "integer" } as const) : {};
  return {
    name: `matmul${accumulate ? " accumulate" : ""}/${rank}`,
    arguments: {
      aValues: "array",
      bValues: "array",
      ...old,
      columns: "integer",
      rows: "integer",
      ones: "integer",
      fours: "integer",
      aRow: "integer",
      aColumn: "integer",
      bRow: "integer",
      bColumn: "integer",
      alpha: "float",
      ...batch.arguments,
    },
    functions: division,
    body: `
      ${integers("line", "column", "matrix", "row", "p", "q")}
      line = quotient(this.thread.x, columns);
      column = this.thread.x - line * columns;
      matrix = quotient(line, rows);
      row = line - matrix * rows;
      ${batch.code}
      p = aAt + row * aRow;
      q = bAt + column * bColumn;
      let sum = 0;
      for (let four = 0; four < fours; four++) {
        sum = sum + aValues[p] * bValues[q]
          + aValues[p + aColumn] * bValues[q + bRow]
          + aValues[p + 2 * aColumn] * bValues[q + 2 * bRow]
          + aValues[p + 3 * aColumn] * bValues[q + 3 * bRow];
        p = p + 4 * aColumn;
        q = q + 4 * bRow;
      }
      for (let one = 0; one < ones; one++) {
        sum = sum + aValues[p] * bValues[q];
        p = p + aColumn;
        q = q + bRow;
      }
      ${accumulate ? "return oValues[oAt + row * oRow + column] + alpha * sum;" : "return alpha * sum;"}`,
  };
}
