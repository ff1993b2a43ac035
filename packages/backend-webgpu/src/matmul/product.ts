import type { DeviceBuffer, DType, MatmulOptions, Operand } from "@denoise-rotator/core";
import { mergeAxes } from "../wgsl/windows.js";

/** A factor of a product: a stack of matrices whose axes are the inner one, of length k, and the free one, m or n. */
export interface Factor {
  readonly buffer: DeviceBuffer;
  readonly dtype: DType;
  readonly offset: number;
  /** Strides in elements; 0 where the axis has one element. */
  readonly free: number;
  readonly inner: number;
  readonly batch: readonly number[];
}

/** Where a product goes: f32, strides in elements. */
export interface Target {
  readonly buffer: DeviceBuffer;
  readonly offset: number;
  readonly rows: number;
  readonly columns: number;
  readonly batch: readonly number[];
}

/** `out = alpha·a·b (+ out)` for every position of the leading axes `batch`, of which there are as few as strides allow. */
export interface Product {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batch: readonly number[];
  readonly a: Factor;
  readonly b: Factor;
  readonly out: Target;
  readonly alpha: number;
  readonly accumulate: boolean;
  readonly triangle?: "upper" | "lower" | undefined;
}

export function productOf(a: Operand, b: Operand, out: Operand, options: MatmulOptions): Product {
  const leading = (x: Operand) => ({
    shape: x.shape.slice(0, -2),
    strides: x.strides.slice(0, -2),
    offset: x.offset,
  });
  const { shape: batch, strides } = mergeAxes([out, a, b].map(leading));
  const [m, k] = a.shape.slice(-2) as [number, number];
  const n = b.shape.at(-1)!;
  const step = (x: Operand, axis: number) => (x.shape.at(axis)! > 1 ? x.strides.at(axis)! : 0);
  const { accumulate, alpha, triangle } = options;
  return {
    ...{ m, n, k, batch, alpha, accumulate, triangle },
    a: {
      ...{ buffer: a.buffer, dtype: a.dtype, offset: a.offset, batch: strides[1]! },
      ...{ free: step(a, -2), inner: step(a, -1) },
    },
    b: {
      ...{ buffer: b.buffer, dtype: b.dtype, offset: b.offset, batch: strides[2]! },
      ...{ free: step(b, -1), inner: step(b, -2) },
    },
    out: {
      ...{ buffer: out.buffer, offset: out.offset, batch: strides[0]! },
      ...{ rows: step(out, -2), columns: 1 },
    },
  };
}

/** The same product as outᵀ = bᵀ·aᵀ. */
export function transposed(product: Product): Product {
  const { m, n, a, b, out, triangle } = product;
  return {
    ...product,
    ...{ m: n, n: m, a: b, b: a },
    out: { ...out, rows: out.columns, columns: out.rows },
    triangle: triangle && (triangle === "upper" ? "lower" : "upper"),
  };
}

export const batchSize = ({ batch }: Product): number => batch.reduce((size, dim) => size * dim, 1);

/** Which axis of a factor lies consecutively in memory, so that four elements make a vector. */
export type Packing = "inner" | "free";

/** `undefined` where four elements along an axis are no aligned vector. */
export function packingOf({ offset, free, inner, batch }: Factor): Packing | undefined {
  const aligned = (stride: number) => stride % 4 === 0;
  if (!aligned(offset) || !batch.every(aligned)) return undefined;
  if (inner === 1 && aligned(free)) return "inner";
  if (free === 1 && aligned(inner)) return "free";
  return undefined;
}

/** Whether rows of the result are vectors. */
export const isVectorTarget = ({ n, out }: Product): boolean =>
  out.columns === 1 && [n, out.rows, out.offset, ...out.batch].every((number) => number % 4 === 0);
