import type { Engine } from "../engine/engine.js";
import type { Matrix, Product } from "./gemm.js";

export function vectorTimesMatrix(engine: Engine, product: Product): void {
  const { n, k, a, b, out, alpha } = product;
  const accumulate = Number(product.accumulate);
  const aStep = a.transposed ? 4 * a.stride : 4;
  if (b.transposed) {
    dots(engine, product, b, n, a.address, aStep, 4);
    return;
  }
  engine.native.combineRows!(out, a.address, aStep, b.address, 4 * b.stride, k, n, alpha, accumulate);
}

export function matrixTimesVector(engine: Engine, product: Product): void {
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
