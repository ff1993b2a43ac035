import { type Operand, sizeOf } from "@denoise-rotator/core";
import { foldWorkgroups } from "../engine/dispatch.js";
import type { Engine } from "../engine/engine.js";
import { mainById, workgroupSize } from "../wgsl/elements.js";
import { forEachPart, locate, mergeAxes, rankClass, windowParams } from "../wgsl/windows.js";
import { readBindings } from "./map.js";

/** One invocation for both halves of a pair. */
export function rope(engine: Engine, x: Operand, cos: Operand, sin: Operand, out: Operand): void {
  if (sizeOf(out.shape) === 0) return;
  const half = x.shape.at(-1)! / 2;
  const shape = [...x.shape.slice(0, -1), half];
  const spread = (table: Operand) => ({
    shape,
    strides: [...x.shape.slice(0, -2).map(() => 0), ...table.strides],
    offset: table.offset,
  });
  const first = { shape, strides: x.strides, offset: x.offset };
  let done = 0;
  forEachPart(mergeAxes([first, spread(cos), spread(sin)]), (part) => {
    const rank = rankClass(part);
    const count = sizeOf(part.shape);
    engine.dispatch({
      op: "rope",
      key: `rope ${rank}`,
      bindings: { ...readBindings({ x, cos, sin }), out: { buffer: out.buffer, access: "read_write" } },
      params: {
        ...windowParams(["x", "cos", "sin"], part),
        ...{ count, done, half, x_half: half * x.strides.at(-1)!, out_offset: out.offset },
      },
      workgroups: foldWorkgroups(Math.ceil(count / workgroupSize)),
      work: 6 * count,
      code: (names) => `${locate(["x", "cos", "sin"], rank)}${mainById}
  if (id >= params.count) { return; }
  let p = locate(id);
  let a = bitcast<f32>(${names.x}[p.x]);
  let b = bitcast<f32>(${names.x}[p.x + params.x_half]);
  let c = bitcast<f32>(${names.cos}[p.cos]);
  let s = bitcast<f32>(${names.sin}[p.sin]);
  let number = params.done + id;
  let at = params.out_offset + number + number / params.half * params.half;
  ${names.out}[at] = bitcast<u32>(a * c - b * s);
  ${names.out}[at + params.half] = bitcast<u32>(b * c + a * s);
}
`,
    });
    done += count;
  });
}
