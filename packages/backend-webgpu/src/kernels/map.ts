import { byteWidth, type Operand, sizeOf } from "@denoise-rotator/core";
import { type Binding, foldWorkgroups, type Names } from "../engine/dispatch.js";
import type { Engine } from "../engine/engine.js";
import { denseParams, mainById, readElement, workgroupSize, writeDense } from "../wgsl/elements.js";
import { forEachPart, locate, mergeAxes, rankClass, type Windows, windowParams } from "../wgsl/windows.js";

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
export function map(engine: Engine, kernel: MapKernel): void {
  const { inputs, out } = kernel;
  if (sizeOf(out.shape) === 0) return;
  let offset = out.offset;
  forEachPart(mergeAxes(Object.values(inputs)), (part) => {
    const task: Task = { ...kernel, part, count: sizeOf(part.shape), offset };
    if (inQuads(task)) mapQuads(engine, task);
    else mapElements(engine, task);
    offset += task.count;
  });
}

interface Task extends MapKernel {
  readonly part: Windows;
  readonly count: number;
  /** Where `out` starts. */
  readonly offset: number;
}

function mapElements(engine: Engine, { op, key, inputs, out, body, part, count, offset }: Task): void {
  const names = Object.keys(inputs);
  const dtypes = Object.values(inputs).map(({ dtype }) => dtype);
  const rank = rankClass(part);
  const dense = denseParams(out.dtype, offset, count);
  engine.dispatch({
    op,
    key: `${key} ${rank} ${dtypes} ${out.dtype}`,
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
}

/** Whether all are of 32 bits and contiguous from a multiple of four elements, or one number throughout. */
function inQuads({ inputs, out, part, offset }: Task): boolean {
  return (
    part.shape.length <= 1 &&
    [out, ...Object.values(inputs)].every(({ dtype }) => byteWidth(dtype) === 4) &&
    [offset, ...part.offsets.filter((_, i) => part.strides[i]![0] === 1)].every((at) => at % 4 === 0) &&
    part.strides.every(([stride = 0]) => stride <= 1)
  );
}

/** Invocations go through what lies further than this many workgroups in steps: starting one costs time too. */
const mostQuadGroups = 1024;

/** Four elements at a time. */
function mapQuads(engine: Engine, { op, key, inputs, out, body, part, count, offset }: Task): void {
  const type = "array<vec4<u32>>";
  const names = Object.keys(inputs);
  const spread = part.strides.map(([stride = 0]) => stride === 0);
  const bindings: Record<string, Binding> = {
    ...readBindings(inputs),
    out: { buffer: out.buffer, access: "read_write" },
  };
  const quads = Math.ceil(count / 4);
  const groups = Math.min(Math.ceil(quads / workgroupSize), mostQuadGroups);
  const load = (name: string, i: number, variables: Names) =>
    spread[i]
      ? `vec4(${variables[name]}[params.at_${name} >> 2u][params.at_${name} & 3u])`
      : `${variables[name]}[(params.at_${name} >> 2u) + quad]`;
  const lane = (component: string) =>
    `compute(${names.map((name) => `${name}_quad.${component}`).join(", ")})`;
  engine.dispatch({
    op,
    key: `${key} quads ${spread} ${Object.values(inputs).map(({ dtype }) => dtype)} ${out.dtype}`,
    bindings: Object.fromEntries(Object.entries(bindings).map(([name, one]) => [name, { ...one, type }])),
    params: {
      ...Object.fromEntries(names.map((name, i) => [`at_${name}`, part.offsets[i]!])),
      first: offset / 4,
      count,
      invocations: groups * workgroupSize,
    },
    workgroups: [groups, 1, 1],
    work: count,
    code: (variables) => `${body()}${mainById}
  for (var quad = id; quad * 4u < params.count; quad += params.invocations) {
${names.map((name, i) => `    let ${name}_quad = ${load(name, i, variables)};`).join("\n")}
    let result = vec4(${["x", "y", "z", "w"].map(lane).join(", ")});
    let left = params.count - quad * 4u;
    if (left >= 4u) { ${variables.out}[params.first + quad] = result; }
    else { for (var i = 0u; i < left; i++) { ${variables.out}[params.first + quad][i] = result[i]; } }
  }
}
`,
  });
}

export const readBindings = (inputs: Readonly<Record<string, Operand>>): Record<string, Binding> =>
  Object.fromEntries(Object.entries(inputs).map(([name, { buffer }]) => [name, { buffer, access: "read" }]));

export const readElements = (inputs: Readonly<Record<string, Operand>>, variables: Names): string =>
  Object.entries(inputs)
    .map(([name, { dtype }]) => readElement(name, variables[name]!, dtype))
    .join("");
