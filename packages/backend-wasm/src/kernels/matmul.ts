import type { MatmulOptions, Operand } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";
import { fillOperand } from "./copy.js";
import { gemm, gemmBatch, type Matrix, type Product } from "./gemm.js";
import { collapse, elementCount, forEachOffset } from "./iteration.js";
import { addressOf } from "./scratch.js";
import { type Temporaries, withTemporaries } from "./temporaries.js";

interface Factor {
  readonly operand: Operand;
  readonly transposed: boolean;
  /** Elements between rows (columns if transposed). */
  readonly stride: number;
}

/** Reads the last two axes as a matrix with one unit stride, copying where there is none. */
function factorOf(temporaries: Temporaries, x: Operand): Factor {
  const f32 = x.dtype === "f32" ? x : temporaries.copy(x, "f32");
  const rank = f32.shape.length;
  const [rows, columns] = [f32.shape[rank - 2]!, f32.shape[rank - 1]!];
  const [rowStride, columnStride] = [f32.strides[rank - 2]!, f32.strides[rank - 1]!];
  if (columnStride === 1 || columns === 1) {
    if (columnStride === 1 || rowStride !== 1) return { operand: f32, transposed: false, stride: rowStride };
  }
  if (rowStride === 1 || rows === 1) return { operand: f32, transposed: true, stride: columnStride };
  return { operand: temporaries.copy(f32), transposed: false, stride: columns };
}

export function matmul(engine: Engine, a: Operand, b: Operand, out: Operand, options: MatmulOptions): void {
  const rank = out.shape.length;
  const [m, n] = [out.shape[rank - 2]!, out.shape[rank - 1]!];
  const k = a.shape[rank - 1]!;
  if (elementCount(out.shape) === 0) return;
  if (k === 0) {
    if (!options.accumulate) fillOperand(engine, out, 0);
    return;
  }
  withTemporaries(engine, (temporaries) => {
    const [left, right] = [factorOf(temporaries, a), factorOf(temporaries, b)];
    const strides = [left.operand, right.operand, out].map((x) => x.strides.slice(0, -2));
    const batch = collapse(out.shape.slice(0, -2), strides);
    const starts = [left.operand, right.operand, out].map(addressOf) as [number, number, number];
    const outStride = m === 1 ? n : out.strides[rank - 2]!;
    // Batches of A that share B and follow each other are more rows of one matrix.
    const folds =
      batch.shape.length === 1 &&
      !left.transposed &&
      m > 1 &&
      batch.strides[0]![0] === m * left.stride &&
      batch.strides[1]![0] === 0 &&
      batch.strides[2]![0] === m * outStride;
    const { alpha, accumulate, triangle } = options;
    const matrix = (factor: Factor, address: number): Matrix => ({
      address,
      stride: factor.stride,
      transposed: factor.transposed,
    });
    const product = (rows: number, aOffset: number, bOffset: number, outOffset: number): Product => ({
      m: rows,
      n,
      k,
      a: matrix(left, starts[0] + 4 * aOffset),
      b: matrix(right, starts[1] + 4 * bOffset),
      out: starts[2] + 4 * outOffset,
      outStride,
      alpha,
      accumulate,
      triangle,
    });
    if (folds && !triangle) {
      gemm(engine, product(m * batch.shape[0]!, 0, 0, 0));
      return;
    }
    const products: Product[] = [];
    forEachOffset(batch, ([p, q, r]) => products.push(product(m, p!, q!, r!)));
    gemmBatch(engine, products);
  });
}
