import type { KernelSource } from "./kernel-source.js";
import { integers } from "./kernel-source.js";
import { division, walk } from "./positions.js";

const step = `
  a0 = aValues[p]; a1 = aValues[p + aDown];
  b0 = bValues[q]; b1 = bValues[q + bRight];
  s0 = s0 + a0 * b0; s1 = s1 + a0 * b1;
  s2 = s2 + a1 * b0; s3 = s3 + a1 * b1;
  p = p + aColumn;
  q = q + bRow;`;

/**
 * Blocks of 2×2 elements of a·b, one per thread and in one result of four: half the loads of {@link matmulSource}. Where
 * rows or columns are odd the last block repeats some. For devices whose results of four numbers are contiguous.
 */
export function matmulBlocksSource(rank: number): KernelSource {
  const batch = walk(rank, ["a", "b"], "matrix");
  return {
    name: `matmul blocks/${rank}`,
    arguments: {
      aValues: "array",
      bValues: "array",
      rows: "integer",
      columns: "integer",
      blockRows: "integer",
      blockColumns: "integer",
      fours: "integer",
      ones: "integer",
      aRow: "integer",
      aColumn: "integer",
      bRow: "integer",
      bColumn: "integer",
      ...batch.arguments,
    },
    functions: division,
    body: `
      ${integers("line", "column", "matrix", "row", "p", "q", "aDown", "bRight")}
      line = quotient(this.thread.x, blockColumns);
      column = 2 * (this.thread.x - line * blockColumns);
      matrix = quotient(line, blockRows);
      row = 2 * (line - matrix * blockRows);
      ${batch.code}
      p = aAt + row * aRow;
      q = bAt + column * bColumn;
      aDown = aRow;
      if (row + 1 >= rows) { aDown = 0; }
      bRight = bColumn;
      if (column + 1 >= columns) { bRight = 0; }
      let s0 = 0; let s1 = 0; let s2 = 0; let s3 = 0;
      let a0 = 0; let a1 = 0; let b0 = 0; let b1 = 0;
      for (let four = 0; four < fours; four++) { ${step}${step}${step}${step} }
      for (let one = 0; one < ones; one++) { ${step} }
      return [s0, s1, s2, s3];`,
  };
}

/** alpha times what {@link matmulBlocksSource} gives, row-major, or that added to `old`. */
export function unblockSource(rank: number, accumulate: boolean): KernelSource {
  const batch = walk(rank, accumulate ? ["o"] : [], "matrix");
  return {
    name: `unblock${accumulate ? " accumulate" : ""}/${rank}`,
    arguments: {
      blocks: "array",
      ...(accumulate ? ({ oValues: "array", oRow: "integer" } as const) : {}),
      rows: "integer",
      columns: "integer",
      blockRows: "integer",
      blockColumns: "integer",
      alpha: "float",
      ...(accumulate ? batch.arguments : {}),
    },
    functions: division,
    body: `
      ${integers("line", "column", "matrix", "row", "down", "right", "at")}
      line = quotient(this.thread.x, columns);
      column = this.thread.x - line * columns;
      matrix = quotient(line, rows);
      row = line - matrix * rows;
      down = quotient(row, 2);
      right = quotient(column, 2);
      at = 4 * ((matrix * blockRows + down) * blockColumns + right) + 2 * (row - 2 * down) + column - 2 * right;
      ${accumulate ? `${batch.code} return oValues[oAt + row * oRow + column] + alpha * blocks[at];` : "return alpha * blocks[at];"}`,
  };
}
