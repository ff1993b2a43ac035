import { type Operand, sizeOf } from "@denoise-rotator/core";
import { foldWorkgroups } from "../engine/dispatch.js";
import type { Engine } from "../engine/engine.js";
import { listLength } from "../engine/params.js";
import { mainById, workgroupSize } from "../wgsl/elements.js";
import { locate, mergeAxes, rankClass, type Windows, windowParams } from "../wgsl/windows.js";
import { compact } from "./compact.js";
import { readBindings, readElements } from "./map.js";

/** Below so many columns one invocation for each would leave most of a device idle. */
const fewColumns = 1024;
/** Most comparisons of indices for which every element looks for its own. */
const mostComparisons = 2 ** 32;

/**
 * Terms are added in index order, so results do not depend on timing: either an invocation owns a column (all positions
 * along `axis`) and goes through the indices, or, with few columns, one element, and picks its indices among all.
 */
export function scatterAdd(engine: Engine, x: Operand, indices: Operand, axis: number, out: Operand): void {
  const length = out.shape[axis]!;
  const inner = sizeOf(out.shape.slice(axis + 1));
  const columns = sizeOf(out.shape.slice(0, axis)) * inner;
  const count = sizeOf(indices.shape);
  if (columns * length * count === 0) return;
  const { column, slice } = views(x, indices, axis);
  if (column.shape.length > listLength || slice.shape.length > listLength) {
    const dense = [compact(engine, x), compact(engine, indices)] as const;
    scatterAdd(engine, dense[0], { ...dense[1], shape: [count], strides: [1] }, axis, out);
    for (const { buffer } of dense) engine.free(buffer);
    return;
  }
  const owns = columns < fewColumns && columns * length * count <= mostComparisons ? "element" : "column";
  const invocations = owns === "element" ? columns * length : columns;
  const [columnRank, sliceRank] = [rankClass(column), rankClass(slice)];
  engine.dispatch({
    op: "scatterAdd",
    key: `scatterAdd ${owns} ${columnRank} ${sliceRank} ${out.dtype}`,
    bindings: { ...readBindings({ x, indices }), out: { buffer: out.buffer, access: "read_write" } },
    params: {
      ...windowParams(["x"], column, "column_"),
      ...windowParams(["x", "indices"], slice, "slice_"),
      first: out.offset,
      invocations,
      length,
      inner,
      count,
    },
    workgroups: foldWorkgroups(Math.ceil(invocations / workgroupSize)),
    work: invocations * count,
    code: (variables) => `${readElements({ x, indices }, variables)}
${locate(["x"], columnRank, "column_")}${locate(["x", "indices"], sliceRank, "slice_")}
fn sum(a: u32, b: u32) -> u32 {
  return ${out.dtype === "i32" ? "a + b" : "bitcast<u32>(bitcast<f32>(a) + bitcast<f32>(b))"};
}
${mainById}
  if (id >= params.invocations) { return; }
${bodies[owns](variables.out!)}}
`,
  });
}

const bodies = {
  element: (out: string) => `
  let inside = id % params.inner;
  let above = id / params.inner;
  let row = above % params.length;
  let start = column_locate(above / params.length * params.inner + inside).x;
  var total = ${out}[params.first + id];
  for (var j = 0u; j < params.count; j++) {
    let p = slice_locate(j);
    if (read_indices(p.indices) == row) { total = sum(total, read_x(start + p.x)); }
  }
  ${out}[params.first + id] = total;
`,
  column: (out: string) => `
  let start = column_locate(id).x;
  let target0 = params.first + id / params.inner * params.length * params.inner + id % params.inner;
  for (var j = 0u; j < params.count; j++) {
    let p = slice_locate(j);
    let row = read_indices(p.indices);
    if (row >= params.length) { continue; }
    let at = target0 + row * params.inner;
    ${out}[at] = sum(${out}[at], read_x(start + p.x));
  }
`,
};

/** `x` over the axes around the indexed ones, and `x` and `indices` over these. */
function views(x: Operand, indices: Operand, axis: number): { column: Windows; slice: Windows } {
  const end = axis + indices.shape.length;
  const around = <T>(list: readonly T[]) => [...list.slice(0, axis), ...list.slice(end)];
  const { shape } = indices;
  return {
    column: mergeAxes([{ ...x, shape: around(x.shape), strides: around(x.strides) }]),
    slice: mergeAxes([{ shape, strides: x.strides.slice(axis, end), offset: 0 }, indices]),
  };
}
