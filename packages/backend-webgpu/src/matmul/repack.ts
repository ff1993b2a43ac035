import { contiguousStrides, type DeviceBuffer, type Operand, sizeOf } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";
import { copy } from "../kernels/copy.js";
import type { Factor } from "./product.js";

/**
 * A copy of a factor in f32 with its inner axis consecutive and rows that begin at multiples of four; `rows` is the size
 * of its free axis. Leading axes along which it repeats stay so.
 */
export function repack(
  engine: Engine,
  factor: Factor,
  batch: readonly number[],
  rows: number,
  k: number,
): { factor: Factor; buffer: DeviceBuffer } {
  const padded = Math.ceil(k / 4) * 4;
  const own = batch.map((dim, axis) => (factor.batch[axis] === 0 ? 1 : dim));
  const shape = [...own, rows, k];
  const strides = contiguousStrides([...own, rows, padded]);
  const buffer = engine.allocate(4 * sizeOf([...own, rows, padded]));
  const { dtype, offset, free, inner } = factor;
  const source: Operand = {
    ...{ buffer: factor.buffer, dtype, shape, offset },
    strides: [...factor.batch, free, inner],
  };
  copy(engine, source, { buffer, dtype: "f32", shape, strides, offset: 0 });
  return {
    buffer,
    factor: {
      ...{ buffer, dtype: "f32", offset: 0, inner: k > 1 ? 1 : 0, free: padded },
      batch: own.map((dim, axis) => (dim === 1 ? 0 : strides[axis]!)),
    },
  };
}
