import { fewName, fewRows } from "../emit/gemm-few.js";
import { blockRows, type FactorType, multiplyName, packName, wholeName } from "../emit/gemm-tasks.js";
import type { Engine } from "../engine/engine.js";
import type { GemmTile } from "../engine/features.js";
import { layout } from "../engine/layout.js";
import { parallel, splitEvenly, splitTapering } from "../threads/parallel.js";
import { matrixTimesVector, vectorTimesMatrix } from "./gemv.js";

/** A matrix in memory: element (i, j) lies `i·stride + j` elements behind `address`, or with i and j swapped. */
export interface Matrix {
  readonly address: number;
  /** Default f32. Others are unpacked while packing; products of few or small rows and columns take f32 only. */
  readonly dtype?: FactorType;
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
  const { m, n, k, a, triangle } = product;
  if (m === 0 || n === 0) return;
  if (m === 1 && !triangle) vectorTimesMatrix(engine, product);
  else if (n === 1 && a.stride > 0) matrixTimesVector(engine, product);
  else {
    const { tile } = engine.features;
    const cost = productNanoseconds(m, n, k) * (triangle ? 0.5 : 1);
    const threads = engine.pool?.isWorth(cost) ? engine.pool.threads : 1;
    if (triangle || isHalf(product) || !suitsOwnB(tile, product, threads))
      blocked(engine, product, threads, cost);
    else parallel(engine, kernelOf(product), wholeTasks(tile, product, threads), cost);
  }
}

/** Many products of one shape, orientation and options: `products` differ in addresses only. k ≥ 1. */
export function gemmBatch(engine: Engine, products: readonly Product[]): void {
  const [first] = products;
  if (!first) return;
  const { m, n, k, triangle } = first;
  const { tile } = engine.features;
  const cost = products.length * productNanoseconds(m, n, k);
  const threads = engine.pool?.isWorth(cost) ? engine.pool.threads : 1;
  // With several products a thread, each stays whole.
  const share = products.length >= 4 * threads ? 1 : threads;
  if (
    products.length === 1 ||
    m < 2 ||
    n < 2 ||
    triangle ||
    isHalf(first) ||
    !suitsOwnB(tile, first, share)
  ) {
    for (const product of products) gemm(engine, product);
    return;
  }
  const tasks = products.flatMap((product) => wholeTasks(tile, product, share));
  parallel(engine, kernelOf(first), tasks, cost);
}

/** Every unrolling divides this, so that stretches of k are the same for tiles of one depth. */
const depthStep = 8;

/** Steps along k packed at once: as few stretches as `tile.depth` allows, of equal length. */
function depthOf(tile: GemmTile, k: number): number {
  return roundUp(Math.ceil(k / Math.ceil(k / tile.depth)), depthStep);
}

/** Columns of B that one thread can pack for itself. */
function ownColumns(tile: GemmTile, k: number): number {
  return Math.floor(layout.ownPackedBBytes / 4 / depthOf(tile, k) / tile.columns) * tile.columns;
}

/** Rows or columns a task needs at least to make up for packing the other factor by itself. */
const worthPacking = 128;

/** Whether every task packs what it needs of both factors: there are few rows, or few columns, of long enough length. */
function suitsOwnB(tile: GemmTile, { m, n, k }: Product, threads: number): boolean {
  const length = threads === 1 ? 0 : 2 * threads * worthPacking;
  return (m <= blockRows(tile) && n >= length) || (n <= ownColumns(tile, k) && m >= length);
}

/** Whether a factor is stored in 16 bits. */
const isHalf = ({ a, b }: Product): boolean => widthOf(a) === 2 || widthOf(b) === 2;

/** Fewest rows and columns of a product whose 16-bit factors are unpacked while packing. */
export const leastHalfLength = 8;

const kernelOf = ({ m, a, b }: Product): string =>
  m <= fewRows && !b.transposed ? fewName(a.transposed) : wholeName(a.transposed, b.transposed);

const widthOf = ({ dtype = "f32" }: Matrix): number => (dtype === "f32" ? 4 : 2);

const at = (matrix: Matrix, row: number, column: number): number => {
  const { address, stride, transposed } = matrix;
  return address + widthOf(matrix) * (transposed ? column * stride + row : row * stride + column);
};

/** Arguments of the kernel that does a whole product, split along the longer side. */
function wholeTasks(tile: GemmTile, product: Product, threads: number): number[][] {
  const { m, n, k, a, b, out, outStride, alpha, accumulate } = product;
  const stretch = depthOf(tile, k);
  const flag = Number(accumulate);
  const task = (row: number, rows: number, column: number, columns: number) => [
    ...[at(a, row, 0), 4 * a.stride, at(b, 0, column), 4 * b.stride],
    ...[out + 4 * (row * outStride + column), 4 * outStride, rows, columns, k, stretch, alpha, flag],
  ];
  const most = ownColumns(tile, k);
  if (threads === 1 && n <= most) return [task(0, m, 0, n)];
  if (n <= most && m > n) {
    return splitEvenly(m, 3 * threads, tile.rows).map(([row, rows]) => task(row, rows, 0, n));
  }
  return splitTapering(n, threads, most, tile.columns).map(([column, columns]) =>
    task(0, m, column, columns),
  );
}

/** The general case: B is packed block by block by all threads, then rows of A are multiplied with it. */
function blocked(engine: Engine, product: Product, threads: number, cost: number): void {
  const { n, k, a, b } = product;
  const { tile } = engine.features;
  const depth = depthOf(tile, k);
  for (let column = 0; column < n; column += blockColumns) {
    const columns = Math.min(blockColumns, n - column);
    for (let start = 0; start < k; start += depth) {
      const steps = Math.min(depth, k - start);
      const padded = roundUp(steps, tile.unroll);
      // Halves are unpacked in the place of the thread's own B.
      const least = isHalf(product) ? Math.ceil(columns / ownColumns(tile, k)) : 1;
      const packing = splitEvenly(columns, Math.max(least, threads === 1 ? 1 : 4 * threads), tile.columns);
      const packs = packing.map(([first, width]) => {
        const to = layout.packedB + 4 * first * padded;
        return [at(b, start, column + first), widthOf(b) * b.stride, to, width, steps, padded, 1];
      });
      parallel(engine, packName("B", b.transposed, b.dtype), packs, cost);
      const block = { column, columns, start, steps, padded };
      parallel(engine, multiplyName(a.transposed, a.dtype), rowTasks(tile, product, block, threads), cost);
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
const triangleTiles = 4;

/** Arguments for each stretch of rows against one packed block of B. */
function rowTasks(tile: GemmTile, product: Product, block: PackedBlock, threads: number): number[][] {
  const { m, a, alpha, triangle, outStride } = product;
  const { column, columns, start, steps, padded } = block;
  const accumulate = Number(product.accumulate || start > 0);
  const most = triangle ? triangleTiles * tile.rows : blockRows(tile);
  const tasks: number[][] = [];
  for (const [row, height] of splitTapering(m, threads, most, tile.rows)) {
    // First panel of columns that reaches the diagonal, and where the last one ends.
    const before = Math.floor((row - column) / tile.columns) * tile.columns;
    const skipped = triangle === "upper" ? Math.max(0, before) : 0;
    const end = triangle === "lower" ? Math.min(columns, row + height - column) : columns;
    const width = end - skipped;
    if (width <= 0) continue;
    const right = layout.packedB + 4 * skipped * padded;
    const target = product.out + 4 * (row * outStride + column + skipped);
    const left = [at(a, row, start), widthOf(a) * a.stride, height, steps, padded, alpha];
    tasks.push([...left, right, width, target, 4 * outStride, accumulate]);
  }
  return tasks;
}
