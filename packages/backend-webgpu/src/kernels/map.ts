import { type Operand, sizeOf } from "@denoise-rotator/core";
import { type Binding, foldWorkgroups, type Names } from "../engine/dispatch.js";
import type { Engine } from "../engine/engine.js";
import { denseParams, readElement, workgroupSize, writeDense } from "../wgsl/elements.js";
import { forEachPart, locate, mergeAxes, rankClass, windowParams } from "../wgsl/windows.js";

export interface MapKernel {
  readonly op: string;
  /** What `body` depends on beside the dtypes. */
  readonly key: string;
  readonly inputs: Readonly<Record<string, Operand>>;
  /** Contiguous, of the inputs' shape. */
  readonly out: Operand;
  /** WGSL with `fn compute(…inputs' bits: u32) -> u32` giving the bits of the result. */
  body(): string;
}

/** Applies a function of bits to every element of operands with any strides. */
export function map(engine: Engine, { op, key, inputs, out, body }: MapKernel): void {
  const size = sizeOf(out.shape);
  if (size === 0) return;
  const names = Object.keys(inputs);
  const operands = Object.values(inputs);
  let offset = out.offset;
  forEachPart(mergeAxes(operands), (part) => {
    const rank = rankClass(part);
    const count = sizeOf(part.shape);
    const dense = denseParams(out.dtype, offset, count);
    engine.dispatch({
      op,
      key: `${key} ${rank} ${operands.map(({ dtype }) => dtype)} ${out.dtype}`,
      bindings: { ...readBindings(inputs), out: { buffer: out.buffer, access: "read_write" } },
      params: { ...windowParams(names, part), ...dense.params },
      workgroups: foldWorkgroups(Math.ceil(dense.invocations / workgroupSize)),
      work: count,
      code: (variables) => `${readElements(inputs, variables)}${locate(names, rank)}${body()}
fn element(i: u32) -> u32 {
  let p = locate(i);
  return compute(${names.map((name) => `read_${name}(p.${name})`).join(", ")});
}
${writeDense(variables.out!, out.dtype)}`,
    });
    offset += count;
  });
}

export const readBindings = (inputs: Readonly<Record<string, Operand>>): Record<string, Binding> =>
  Object.fromEntries(Object.entries(inputs).map(([name, { buffer }]) => [name, { buffer, access: "read" }]));

export const readElements = (inputs: Readonly<Record<string, Operand>>, variables: Names): string =>
  Object.entries(inputs)
    .map(([name, { dtype }]) => readElement(name, variables[name]!, dtype))
    .join("");
