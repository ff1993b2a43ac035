import type { Operand, TriangularSolveOptions } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";
import { gemm } from "./gemm.js";
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
  const { combineRows, div_f32: divide } = engine.native as Record<string, (...args: number[]) => void>;
  // Steps in elements of op(a) along its rows and columns.
  const [rowStep, columnStep] = transpose ? [1, aStride] : [aStride, 1];
  const entry = (i: number, j: number) => aStart + 4 * (i * rowStep + j * columnStep);
  const row = (i: number) => bStart + 4 * i * bStride;
  const forward = lower !== transpose;
  const solveRow = (i: number, first: number, count: number) => {
    if (count > 0) {
      combineRows!(row(i), entry(i, first), 4 * columnStep, row(first), 4 * bStride, count, columns, -1, 1);
    }
    if (!unitDiagonal) divide!(row(i), 16, 0, entry(i, i), 0, 0, row(i), 0, columns, 1);
  };
  const blocks = Math.ceil(n / blockSize);
  for (let index = 0; index < blocks; index++) {
    const start = (forward ? index : blocks - 1 - index) * blockSize;
    const end = Math.min(n, start + blockSize);
    if (forward) for (let i = start; i < end; i++) solveRow(i, start, i - start);
    else for (let i = end - 1; i >= start; i--) solveRow(i, i + 1, end - i - 1);
    const [first, rows] = forward ? [end, n - end] : [0, start];
    if (rows === 0) continue;
    gemm(engine, {
      m: rows,
      n: columns,
      k: end - start,
      a: { address: entry(first, start), stride: aStride, transposed: transpose },
      b: { address: row(start), stride: bStride, transposed: false },
      out: row(first),
      outStride: bStride,
      alpha: -1,
      accumulate: true,
    });
  }
}
