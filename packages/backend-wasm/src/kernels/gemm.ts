import { blockRows, multiplyName, packName, wholeName } from "../emit/gemm-tasks.js";
import type { Engine } from "../engine/engine.js";
import type { GemmTile } from "../engine/features.js";
import { layout } from "../engine/layout.js";
import { parallel, splitEvenly } from "../threads/parallel.js";
import { matrixTimesVector, vectorTimesMatrix } from "./gemv.js";

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
  /** Only tiles that reach the diagonal or lie on this side of it need to be written. */
  readonly triangle?: "upper" | "lower" | undefined;
}

const roundUp = (value: number, step: number): number => Math.ceil(value / step) * step;

/** Columns of B packed at once. */
const blockColumns = 3072;

/** Floating-point operations per nanosecond to reckon with, to decide on threads. */
const flopsPerNanosecond = 60;
export const productNanoseconds = (m: number, n: number, k: number): number =>
  (2 * m * n * k) / flopsPerNanosecond;

/**
 * `out = alpha · a·b (+ out)`; k ≥ 1. Every element is summed in stretches of k that depend on k alone, so its bits
 * depend neither on the other sizes' blocking nor on threads.
 */
export function gemm(engine: Engine, product: Product): void {
  const { m, n, a, triangle } = product;
  if (m === 0 || n === 0) return;
  if (m === 1 && !triangle) vectorTimesMatrix(engine, product);
  else if (n === 1 && a.stride > 0) matrixTimesVector(engine, product);
  else if (!triangle && isWhole(engine.features.tile, product)) {
    parallelColumns(engine, product);
  } else blocked(engine, product);
}

/** Every unrolling divides this, so that stretches of k are the same for tiles of one depth. */
const depthStep = 8;

/** Steps along k packed at once: as few stretches as `tile.depth` allows, of equal length. */
function depthOf(tile: GemmTile, k: number): number {
  return roundUp(Math.ceil(k / Math.ceil(k / tile.depth)), depthStep);
}

/** Whether one thread can do the product by itself, with all of B packed. */
export function isWhole(tile: GemmTile, { n, k }: Product): boolean {
  return k <= tile.depth && roundUp(n, tile.columns) * roundUp(k, tile.unroll) * 4 <= layout.ownPackedBBytes;
}

const at = (matrix: Matrix, row: number, column: number): number =>
  matrix.address + 4 * (matrix.transposed ? column * matrix.stride + row : row * matrix.stride + column);

/** Arguments of the kernel that does a whole product. */
export function wholeTask(tile: GemmTile, product: Product): readonly number[] {
  const { m, n, k, a, b, out, outStride, alpha, accumulate } = product;
  const padded = roundUp(k, tile.unroll);
  const factors = [a.address, 4 * a.stride, b.address, 4 * b.stride, out, 4 * outStride];
  return [...factors, m, n, k, padded, alpha, Number(accumulate)];
}

/** A product whose B is small: each task packs B for itself and does some rows. */
function parallelColumns(engine: Engine, product: Product): void {
  const { tile } = engine.features;
  const { m, n, k, a, b } = product;
  const cost = productNanoseconds(m, n, k);
  const parts = engine.pool?.isWorth(cost) ? 2 * engine.pool.threads : 1;
  const tasks = splitEvenly(m, parts, tile.rows).map(([row, height]) =>
    wholeTask(tile, {
      ...product,
      m: height,
      a: { ...a, address: at(a, row, 0) },
      out: product.out + 4 * row * product.outStride,
    }),
  );
  parallel(engine, wholeName(a.transposed, b.transposed), tasks, cost);
}

/** The general case: B is packed block by block by all threads, then rows of A are multiplied with it. */
function blocked(engine: Engine, product: Product): void {
  const { m, n, k, a, b } = product;
  const { tile } = engine.features;
  const cost = productNanoseconds(m, n, k) * (product.triangle ? 0.5 : 1);
  const threads = engine.pool?.isWorth(cost) ? engine.pool.threads : 1;
  const depth = depthOf(tile, k);
  for (let column = 0; column < n; column += blockColumns) {
    const columns = Math.min(blockColumns, n - column);
    for (let start = 0; start < k; start += depth) {
      const steps = Math.min(depth, k - start);
      const padded = roundUp(steps, tile.unroll);
      const packing = splitEvenly(columns, threads === 1 ? 1 : 4 * threads, tile.columns);
      const packs = packing.map(([first, width]) => {
        const to = layout.packedB + 4 * first * padded;
        return [at(b, start, column + first), 4 * b.stride, to, width, steps, padded, 1];
      });
      parallel(engine, packName("B", b.transposed), packs, cost);
      const block = { column, columns, start, steps, padded };
      parallel(engine, multiplyName(a.transposed), rowTasks(tile, product, block, threads), cost);
    }
  }
}

interface PackedBlock {
  readonly column: number;
  readonly columns: number;
  readonly start: number;
  readonly steps: number;
  readonly padded: number;
}

/** Tiles in a stretch of rows of a triangle: few, since half of the columns beside the diagonal's are in vain. */
const triangleTiles = 8;

/** Arguments for each stretch of rows against one packed block of B. */
function rowTasks(tile: GemmTile, product: Product, block: PackedBlock, threads: number): number[][] {
  const { m, a, alpha, triangle, outStride } = product;
  const { column, columns, start, steps, padded } = block;
  const accumulate = Number(product.accumulate || start > 0);
  const most = triangle ? triangleTiles * tile.rows : blockRows(tile);
  const parts = Math.max(Math.ceil(m / most), threads === 1 ? 1 : 4 * threads);
  const tasks: number[][] = [];
  for (const [row, height] of splitEvenly(m, parts, tile.rows)) {
    // First panel of columns that reaches the diagonal, and where the last one ends.
    const before = Math.floor((row - column) / tile.columns) * tile.columns;
    const skipped = triangle === "upper" ? Math.max(0, before) : 0;
    const end = triangle === "lower" ? Math.min(columns, row + height - column) : columns;
    const width = end - skipped;
    if (width <= 0) continue;
    const right = layout.packedB + 4 * skipped * padded;
    const target = product.out + 4 * (row * outStride + column + skipped);
    const left = [at(a, row, start), 4 * a.stride, height, steps, padded, alpha];
    tasks.push([...left, right, width, target, 4 * outStride, accumulate]);
  }
  return tasks;
}
