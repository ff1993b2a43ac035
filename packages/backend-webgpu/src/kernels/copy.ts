import { byteWidth, isContiguous, type Operand, sizeOf } from "@denoise-rotator/core";
import { foldWorkgroups } from "../engine/dispatch.js";
import type { Engine } from "../engine/engine.js";
import { floatBits } from "../wgsl/bits.js";
import { castBits, storedBits } from "../wgsl/cast.js";
import { mainById, readElement, workgroupSize, writeElement } from "../wgsl/elements.js";
import { forEachPart, locate, mergeAxes, rankClass, type Windows, windowParams } from "../wgsl/windows.js";
import { map, readBindings } from "./map.js";

/** Copies with a cast, any strides on both sides. */
export function copy(engine: Engine, x: Operand, out: Operand): void {
  if (sizeOf(out.shape) === 0) return;
  const body = () => floatBits + castBits(x.dtype, out.dtype).replace("fn cast", "fn compute");
  if (copyWords(engine, x, out)) return;
  if (isContiguous(out.shape, out.strides)) {
    map(engine, { op: "copy", key: "copy", inputs: { x }, out, body });
    return;
  }
  const target = strided(out);
  // Within one buffer both sides have its type.
  const shared = x.buffer === out.buffer;
  const source = shared ? { ...target, access: "read" as const } : readBindings({ x }).x!;
  const atomic = shared && byteWidth(out.dtype) < 4;
  forEachPart(mergeAxes([x, out]), (part) => {
    const rank = rankClass(part);
    engine.dispatch({
      op: "copy",
      key: `scatter copy ${rank} ${x.dtype} ${out.dtype}`,
      bindings: { x: source, out: target },
      params: { ...windowParams(["x", "out"], part), count: sizeOf(part.shape) },
      workgroups: eachElement(part),
      work: sizeOf(part.shape),
      code: (
        variables,
      ) => `${body()}${readElement("x", variables.x!, x.dtype, atomic)}${locate(["x", "out"], rank)}
${writeElement("out", variables.out!, out.dtype)}
${mainById}
  if (id >= params.count) { return; }
  let p = locate(id);
  write_out(p.out, compute(read_x(p.x)));
}
`,
    });
  });
}

/** Sets every element, any strides. */
export function fill(engine: Engine, out: Operand, value: number): void {
  if (sizeOf(out.shape) === 0) return;
  const bits = storedBits(out.dtype, value);
  forEachPart(mergeAxes([out]), (part) => {
    const rank = rankClass(part);
    engine.dispatch({
      op: "fill",
      key: `fill ${rank} ${out.dtype}`,
      bindings: { out: strided(out) },
      params: { ...windowParams(["out"], part), count: sizeOf(part.shape), bits },
      workgroups: eachElement(part),
      work: sizeOf(part.shape),
      code: (variables) => `${locate(["out"], rank)}${writeElement("out", variables.out!, out.dtype)}
${mainById}
  if (id >= params.count) { return; }
  write_out(locate(id).out, params.bits);
}
`,
    });
  });
}

const eachElement = ({ shape }: Windows) => foldWorkgroups(Math.ceil(sizeOf(shape) / workgroupSize));

const strided = (out: Operand) =>
  ({
    buffer: out.buffer,
    access: "read_write",
    type: byteWidth(out.dtype) === 4 ? "array<u32>" : "array<atomic<u32>>",
  }) as const;

/** A copy of whole words between buffers, which the device does without a kernel. */
function copyWords(engine: Engine, x: Operand, out: Operand): boolean {
  const width = byteWidth(x.dtype);
  const bytes = sizeOf(x.shape) * width;
  const aligned = [x.offset * width, out.offset * width, bytes].every((one) => one % 4 === 0);
  if (x.dtype !== out.dtype || x.buffer === out.buffer || !aligned) return false;
  if (!isContiguous(x.shape, x.strides) || !isContiguous(out.shape, out.strides)) return false;
  engine.copyBytes(x.buffer, x.offset * width, out.buffer, out.offset * width, bytes);
  return true;
}
