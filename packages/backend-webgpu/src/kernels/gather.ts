import { type DType, type Operand, sizeOf } from "@denoise-rotator/core";
import { foldWorkgroups } from "../engine/dispatch.js";
import type { Engine } from "../engine/engine.js";
import { denseParams, workgroupSize, writeDense } from "../wgsl/elements.js";
import { forEachPart, locate, mergeAxes, rankClass, windowParams } from "../wgsl/windows.js";
import { readBindings, readElements } from "./map.js";

/** Bits of what an index out of range reads as. */
const missing: Readonly<Record<DType, number>> = {
  f32: 0x7fc00000,
  f64: 0,
  f16: 0x7e00,
  bf16: 0x7fc0,
  i32: 0,
  bool: 0,
};

export function gather(engine: Engine, x: Operand, indices: Operand, axis: number, out: Operand): void {
  if (sizeOf(out.shape) === 0) return;
  const inputs = { x, indices };
  let offset = out.offset;
  forEachPart(mergeAxes(alongAxis(x, indices, axis, out.shape)), (part) => {
    const rank = rankClass(part);
    const count = sizeOf(part.shape);
    const dense = denseParams(out.dtype, offset, count);
    engine.dispatch({
      op: "gather",
      key: `gather ${rank} ${x.dtype}`,
      bindings: { ...readBindings(inputs), out: { buffer: out.buffer, access: "read_write" } },
      params: {
        ...windowParams(["x", "indices"], part),
        ...dense.params,
        length: x.shape[axis]!,
        stride: x.strides[axis]!,
        missing: missing[x.dtype],
      },
      workgroups: foldWorkgroups(Math.ceil(dense.invocations / workgroupSize)),
      work: count,
      code: (variables) => `${readElements(inputs, variables)}${locate(["x", "indices"], rank)}
fn element(i: u32) -> u32 {
  let p = locate(i);
  // Negative ones are huge as unsigned numbers.
  let index = read_indices(p.indices);
  if (index >= params.length) { return params.missing; }
  return read_x(p.x + index * params.stride);
}
${writeDense(variables.out!, out.dtype)}`,
    });
    offset += count;
  });
}

/** `x` and `indices` as windows of the result's shape: the slice at index 0, and the index of each element. */
function alongAxis(x: Operand, indices: Operand, axis: number, shape: readonly number[]): Operand[] {
  const rank = indices.shape.length;
  const still = (count: number) => new Array<number>(count).fill(0);
  const after = x.shape.length - axis - 1;
  return [
    { ...x, shape, strides: [...x.strides.slice(0, axis), ...still(rank), ...x.strides.slice(axis + 1)] },
    { ...indices, shape, strides: [...still(axis), ...indices.strides, ...still(after)] },
  ];
}
