import { byteWidth, type MatmulOptions, type Operand } from "@denoise-rotator/core";
import type { FactorType } from "../emit/gemm-tasks.js";
import type { Engine } from "../engine/engine.js";
import { fillOperand } from "./copy.js";
import { gemm, gemmBatch, leastHalfLength, type Matrix, type Product } from "./gemm.js";
import { collapse, elementCount, forEachOffset } from "./iteration.js";
import { addressOf } from "./scratch.js";
import { type Temporaries, withTemporaries } from "./temporaries.js";

interface Factor {
  readonly operand: Operand;
  readonly transposed: boolean;
  /** Elements between rows (columns if transposed). */
  readonly stride: number;
}

/**
 * Reads the last two axes as a matrix with one unit stride, copying where there is none. 16-bit factors are copied to f32
 * unless `takesHalf`.
 */
function factorOf(temporaries: Temporaries, x: Operand, takesHalf: boolean): Factor {
  const operand = x.dtype === "f32" || takesHalf ? x : temporaries.copy(x, "f32");
  const rank = operand.shape.length;
  const [rows, columns] = [operand.shape[rank - 2]!, operand.shape[rank - 1]!];
  const [rowStride, columnStride] = [operand.strides[rank - 2]!, operand.strides[rank - 1]!];
  if (columnStride === 1 || columns === 1) {
    if (columnStride === 1 || rowStride !== 1) return { operand, transposed: false, stride: rowStride };
  }
  if (rowStride === 1 || rows === 1) return { operand, transposed: true, stride: columnStride };
  return { operand: temporaries.copy(operand, "f32"), transposed: false, stride: columns };
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
    const takesHalf = Math.min(m, n) >= leastHalfLength;
    const [left, right] = [factorOf(temporaries, a, takesHalf), factorOf(temporaries, b, takesHalf)];
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
    const [aWidth, bWidth] = [left, right].map(({ operand }) => byteWidth(operand.dtype)) as [number, number];
    const matrix = (factor: Factor, address: number): Matrix => ({
      address,
      dtype: factor.operand.dtype as FactorType,
      stride: factor.stride,
      transposed: factor.transposed,
    });
    const product = (rows: number, aOffset: number, bOffset: number, outOffset: number): Product => ({
      m: rows,
      n,
      k,
      a: matrix(left, starts[0] + aWidth * aOffset),
      b: matrix(right, starts[1] + bWidth * bOffset),
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
