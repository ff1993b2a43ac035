import type { Engine } from "../engine/engine.js";
import { parallel, splitEvenly, taskCount } from "../threads/parallel.js";
import type { Matrix, Product } from "./gemm.js";

/** Nanoseconds an element of the matrix takes: what memory delivers. */
const elementCost = 0.07;
/** Columns of a combination are split in these steps, so that each is summed the same way wherever it lies. */
const columnStep = 32;

export function vectorTimesMatrix(engine: Engine, product: Product): void {
  const { n, a, b, out } = product;
  const aStep = a.transposed ? 4 * a.stride : 4;
  if (b.transposed) dots(engine, product, b, n, a.address, aStep, 4);
  else combine(engine, product, b, n, a.address, aStep, out, product.accumulate);
}

export function matrixTimesVector(engine: Engine, product: Product): void {
  const { m, a, b, out, outStride, accumulate } = product;
  const bStep = b.transposed ? 4 : 4 * b.stride;
  if (!a.transposed) {
    dots(engine, product, a, m, b.address, bStep, 4 * outStride);
    return;
  }
  // Columns of A are consecutive: a combination of them, by way of a row where the target is strided.
  if (outStride === 1) {
    combine(engine, product, a, m, b.address, bStep, out, accumulate);
    return;
  }
  const row = engine.arena.allocate(4 * m);
  combine(engine, product, a, m, b.address, bStep, row.address, false);
  const { f32 } = engine.memory;
  for (let i = 0; i < m; i++) {
    const to = (out >>> 2) + i * outStride;
    const sum = f32[(row.address >>> 2) + i]!;
    f32[to] = accumulate ? f32[to]! + sum : sum;
  }
  engine.arena.free(row);
}

/** `columns` sums over the matrix's k rows, weighted by a vector, into consecutive elements of `out`. */
function combine(
  engine: Engine,
  { k, alpha }: Product,
  matrix: Matrix,
  columns: number,
  vector: number,
  vectorStep: number,
  out: number,
  accumulate: boolean,
): void {
  const cost = elementCost * k * columns;
  const tasks = splitEvenly(columns, taskCount(engine, cost), columnStep).map(([first, width]) => [
    ...[out + 4 * first, vector, vectorStep, matrix.address + 4 * first, 4 * matrix.stride, k, width],
    ...[alpha, Number(accumulate)],
  ]);
  parallel(engine, "combineRows", tasks, cost);
}

/** Products of consecutive rows with a vector that is made consecutive first. */
function dots(
  engine: Engine,
  { k, out, alpha, accumulate }: Product,
  matrix: Matrix,
  rows: number,
  vector: number,
  vectorStep: number,
  outStep: number,
): void {
  const copy = vectorStep === 4 ? undefined : engine.arena.allocate(4 * k);
  if (copy) engine.native.strided4!(vector, vectorStep, 0, copy.address, 4, 0, k, 1);
  const from = copy?.address ?? vector;
  const cost = elementCost * k * rows;
  const row = 4 * matrix.stride;
  const tasks = splitEvenly(rows, taskCount(engine, cost)).map(([first, count]) => [
    ...[matrix.address + first * row, row, from, out + first * outStep, outStep, count, k],
    ...[alpha, Number(accumulate)],
  ]);
  parallel(engine, "gemvDot", tasks, cost);
  if (copy) engine.arena.free(copy);
}
