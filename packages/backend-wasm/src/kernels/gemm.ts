import type { Engine } from "../engine/engine.js";
import { layout } from "../engine/layout.js";

/** A matrix in memory: element (i, j) lies at `address + 4·(i·stride + j)`, or with i and j swapped. */
export interface Matrix {
  readonly address: number;
  /** Elements from row to row, or from column to column if `transposed`. */
  readonly stride: number;
  readonly transposed: boolean;
}

export interface Product {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly a: Matrix;
  readonly b: Matrix;
  /** Row-major target and the elements between its rows. */
  readonly out: number;
  readonly outStride: number;
  readonly alpha: number;
  readonly accumulate: boolean;
  /** Only tiles that reach the diagonal or lie above it are written. */
  readonly upperOnly?: boolean;
}

const roundUp = (value: number, step: number): number => Math.ceil(value / step) * step;

/** Most rows of A packed at once; with the depth it stays within the second cache. */
const blockRows = 192;
const blockColumns = 3072;

/** `out = alpha · a·b (+ out)`; k ≥ 1. The order of summation depends on the shapes alone. */
export function gemm(engine: Engine, product: Product): void {
  const { m, n, k, a, b } = product;
  if (m === 0 || n === 0) return;
  if (m === 1 && !product.upperOnly) {
    vectorTimesMatrix(engine, product);
    return;
  }
  if (n === 1 && a.stride > 0) {
    matrixTimesVector(engine, product);
    return;
  }
  const { native } = engine;
  const { tile } = engine.features;
  const depth = roundUp(Math.ceil(k / Math.ceil(k / tile.depth)), tile.unroll);
  const rows = roundUp(Math.ceil(m / Math.ceil(m / blockRows)), tile.rows);
  const packA = native[a.transposed ? "packColumnsOfA" : "packRowsOfA"]!;
  const packB = native[b.transposed ? "packColumnsOfB" : "packRowsOfB"]!;
  const block = native.gemmBlock!;
  const at = (matrix: Matrix, row: number, column: number) =>
    matrix.address + 4 * (matrix.transposed ? column * matrix.stride + row : row * matrix.stride + column);
  for (let column = 0; column < n; column += blockColumns) {
    const columns = Math.min(blockColumns, n - column);
    for (let start = 0; start < k; start += depth) {
      const steps = Math.min(depth, k - start);
      const padded = roundUp(steps, tile.unroll);
      packB(at(b, start, column), 4 * b.stride, layout.packedB, columns, steps, padded, 1);
      const accumulate = Number(product.accumulate || start > 0);
      for (let row = 0; row < m; row += rows) {
        const height = Math.min(rows, m - row);
        // First panel of columns that reaches the diagonal.
        const skipped = product.upperOnly ? Math.max(0, Math.floor((row - column) / tile.columns)) : 0;
        const width = columns - skipped * tile.columns;
        if (width <= 0) continue;
        packA(at(a, row, start), 4 * a.stride, layout.packedA, height, steps, padded, product.alpha);
        const right = layout.packedB + skipped * tile.columns * padded * 4;
        const target = product.out + 4 * (row * product.outStride + column + skipped * tile.columns);
        block(layout.packedA, right, target, 4 * product.outStride, height, width, padded, accumulate);
      }
    }
  }
}

function vectorTimesMatrix(engine: Engine, product: Product): void {
  const { n, k, a, b, out, alpha } = product;
  const accumulate = Number(product.accumulate);
  const aStep = a.transposed ? 4 * a.stride : 4;
  if (b.transposed) {
    dots(engine, product, b, n, a.address, aStep, 4);
    return;
  }
  engine.native.combineRows!(out, a.address, aStep, b.address, 4 * b.stride, k, n, alpha, accumulate);
}

function matrixTimesVector(engine: Engine, product: Product): void {
  const { m, k, a, b, out, outStride, alpha } = product;
  const bStep = b.transposed ? 4 : 4 * b.stride;
  if (!a.transposed) {
    dots(engine, product, a, m, b.address, bStep, 4 * outStride);
    return;
  }
  // Columns of A are consecutive: a combination of them, by way of a row where the target is strided.
  const combine = engine.native.combineRows!;
  if (outStride === 1) {
    combine(out, b.address, bStep, a.address, 4 * a.stride, k, m, alpha, Number(product.accumulate));
    return;
  }
  const row = engine.arena.allocate(4 * m);
  combine(row.address, b.address, bStep, a.address, 4 * a.stride, k, m, alpha, 0);
  const { f32 } = engine.memory;
  for (let i = 0; i < m; i++) {
    const to = (out >>> 2) + i * outStride;
    const sum = f32[(row.address >>> 2) + i]!;
    f32[to] = product.accumulate ? f32[to]! + sum : sum;
  }
  engine.arena.free(row);
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
  const run = engine.native.gemvDot!;
  const flag = Number(accumulate);
  if (vectorStep === 4) {
    run(matrix.address, 4 * matrix.stride, vector, out, outStep, rows, k, alpha, flag);
    return;
  }
  const copy = engine.arena.allocate(4 * k);
  engine.native.strided4!(vector, vectorStep, 0, copy.address, 4, 0, k, 1);
  run(matrix.address, 4 * matrix.stride, copy.address, out, outStep, rows, k, alpha, flag);
  engine.arena.free(copy);
}
