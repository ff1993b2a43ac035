import { byteWidth, contiguousStrides, type Operand, typedView } from "@denoise-rotator/core";
import type { Block } from "../engine/arena.js";
import type { Engine } from "../engine/engine.js";
import { elementCount } from "./iteration.js";
import { addressOf } from "./scratch.js";
import { type Temporaries, withTemporaries } from "./temporaries.js";

interface Slices {
  /** Address of slice 0 of outer index 0. */
  readonly start: number;
  /** Bytes from outer index to outer index, and from slice to slice. */
  readonly outerBytes: number;
  readonly sliceStep: number;
  readonly outer: number;
  readonly size: number;
  readonly sliceBytes: number;
}

/** `x` as outer × axis × consecutive slices; copied unless it is contiguous, or a strided stack of contiguous rows. */
function slicesAlong(temporaries: Temporaries, x: Operand, axis: number): Slices {
  const width = byteWidth(x.dtype);
  const sliceShape = x.shape.slice(axis + 1);
  const sliceSize = elementCount(sliceShape);
  const expected = contiguousStrides(sliceShape);
  const whole = sliceShape.every((dim, i) => dim === 1 || x.strides[axis + 1 + i] === expected[i]);
  const source = axis === 0 && whole ? x : temporaries.contiguous(x);
  const size = x.shape[axis]!;
  const step = source.strides[axis]! * width;
  return {
    start: addressOf(source),
    outerBytes: size * sliceSize * width,
    sliceStep: source === x && axis === 0 ? step : sliceSize * width,
    outer: elementCount(x.shape.slice(0, axis)),
    size,
    sliceBytes: sliceSize * width,
  };
}

function indexList(engine: Engine, temporaries: Temporaries, indices: Operand): Int32Array {
  const list = temporaries.contiguous(indices);
  const first = addressOf(list) >>> 2;
  return engine.memory.i32.slice(first, first + elementCount(indices.shape));
}

/** What a slice out of range is filled with, as bytes of one element. */
const missing = { f32: Number.NaN, f64: Number.NaN, i32: 0, bool: 0, f16: 0x7e00, bf16: 0x7fc0 } as const;

export function gather(engine: Engine, x: Operand, indices: Operand, axis: number, out: Operand): void {
  if (elementCount(out.shape) === 0) return;
  withTemporaries(engine, (temporaries) => {
    const slices = slicesAlong(temporaries, x, axis);
    const list = indexList(engine, temporaries, indices);
    const { start, outerBytes, sliceStep, outer, size, sliceBytes } = slices;
    const width = byteWidth(x.dtype);
    const { u8 } = engine.memory;
    const elements = sliceBytes / width;
    const view = (address: number) => typedView(x.dtype, u8.buffer, address, elements);
    const words = width === 4 && elements === 1 ? engine.memory.i32 : undefined;
    let to = addressOf(out);
    for (let o = 0; o < outer; o++) {
      const base = start + o * outerBytes;
      for (const index of list) {
        if (index < 0 || index >= size) view(to).fill(missing[x.dtype]);
        else if (words) words[to >>> 2] = words[(base + index * sliceStep) >>> 2]!;
        else {
          const from = base + index * sliceStep;
          u8.copyWithin(to, from, from + sliceBytes);
        }
        to += sliceBytes;
      }
    }
  });
}

export function scatterAdd(engine: Engine, x: Operand, indices: Operand, axis: number, out: Operand): void {
  if (elementCount(x.shape) === 0) return;
  withTemporaries(engine, (temporaries) => {
    const source = temporaries.contiguous(x);
    const list = indexList(engine, temporaries, indices);
    const sliceSize = elementCount(out.shape.slice(axis + 1));
    const size = out.shape[axis]!;
    const outer = elementCount(out.shape.slice(0, axis));
    let from = addressOf(source);
    if (out.dtype === "f32") {
      const add = engine.native.add_f32!;
      for (let o = 0; o < outer; o++) {
        const base = addressOf(out) + o * size * sliceSize * 4;
        for (const index of list) {
          const to = base + index * sliceSize * 4;
          if (index >= 0 && index < size) add(to, 16, 0, from, 16, 0, to, 0, sliceSize, 1);
          from += sliceSize * 4;
        }
      }
      return;
    }
    const { buffer, dtype } = out;
    const target = typedView(
      dtype,
      engine.memory.u8.buffer,
      (buffer as Block).address,
      out.offset + elementCount(out.shape),
    );
    const values = typedView(dtype, engine.memory.u8.buffer, from, elementCount(x.shape));
    let position = 0;
    for (let o = 0; o < outer; o++) {
      for (const index of list) {
        const base = out.offset + (o * size + index) * sliceSize;
        const inside = index >= 0 && index < size;
        for (let i = 0; i < sliceSize; i++, position++) {
          if (inside) target[base + i] = target[base + i]! + values[position]!;
        }
      }
    }
  });
}
