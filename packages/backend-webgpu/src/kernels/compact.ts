import { byteWidth, contiguousStrides, type Operand, sizeOf } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";
import { copy } from "./copy.js";

/** A contiguous copy of `x` in scratch memory; free its buffer after the last dispatch that uses it. */
export function compact(engine: Engine, x: Operand): Operand {
  const { shape, dtype } = x;
  const buffer = engine.allocate(sizeOf(shape) * byteWidth(dtype));
  const out: Operand = { buffer, dtype, shape, strides: contiguousStrides(shape), offset: 0 };
  copy(engine, x, out);
  return out;
}
