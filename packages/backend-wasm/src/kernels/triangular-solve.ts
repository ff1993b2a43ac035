import type { Operand, TriangularSolveOptions } from "@denoise-rotator/core";
import { stripColumns } from "../emit/triangular-solve.js";
import type { Engine } from "../engine/engine.js";
import { parallel, splitEvenly, taskCount } from "../threads/parallel.js";
import { gemm, productNanoseconds } from "./gemm.js";
import { addressOf } from "./scratch.js";

/** Rows solved by substitution before the rest is updated with one matrix product. */
const blockSize = 64;

/** Blocked substitution, vectorised along the columns of `b`. */
export function triangularSolve(
  engine: Engine,
  a: Operand,
  b: Operand,
  options: TriangularSolveOptions,
): void {
  const n = a.shape[0]!;
  const columns = b.shape[1]!;
  if (n === 0 || columns === 0) return;
  const { lower, transpose, unitDiagonal } = options;
  const [aStride, bStride] = [a.strides[0]!, b.strides[0]!];
  const [aStart, bStart] = [addressOf(a), addressOf(b)];
  // Steps in elements of op(a) along its rows and columns.
  const [rowStep, columnStep] = transpose ? [1, aStride] : [aStride, 1];
  const entry = (i: number, j: number) => aStart + 4 * (i * rowStep + j * columnStep);
  const row = (i: number) => bStart + 4 * i * bStride;
  const forward = lower !== transpose;
  const blocks = Math.ceil(n / blockSize);
  for (let index = 0; index < blocks; index++) {
    const start = (forward ? index : blocks - 1 - index) * blockSize;
    const end = Math.min(n, start + blockSize);
    // Backwards is forwards from the last row on, with negative steps.
    const [first, sign] = forward ? [start, 4] : [end - 1, -4];
    const cost = productNanoseconds(end - start, columns, end - start);
    const tasks = splitEvenly(columns, taskCount(engine, cost), stripColumns).map(([column, width]) => [
      entry(first, first),
      sign * rowStep,
      sign * columnStep,
      row(first) + 4 * column,
      sign * bStride,
      end - start,
      width,
      Number(unitDiagonal),
    ]);
    parallel(engine, "solveStrips", tasks, cost);
    const [rest, rows] = forward ? [end, n - end] : [0, start];
    if (rows === 0) continue;
    gemm(engine, {
      m: rows,
      n: columns,
      k: end - start,
      a: { address: entry(rest, start), stride: aStride, transposed: transpose },
      b: { address: row(start), stride: bStride, transposed: false },
      out: row(rest),
      outStride: bStride,
      alpha: -1,
      accumulate: true,
    });
  }
}
