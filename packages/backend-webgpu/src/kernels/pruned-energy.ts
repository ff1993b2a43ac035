import { type DeviceBuffer, type Operand, type PrunedEnergyOptions, sizeOf } from "@denoise-rotator/core";
import { foldWorkgroups } from "../engine/dispatch.js";
import type { Engine } from "../engine/engine.js";
import { mainById, workgroupSize } from "../wgsl/elements.js";
import { sortKey } from "../wgsl/sort-keys.js";
import { binary } from "./binary.js";
import { fill } from "./copy.js";
import { readBindings } from "./map.js";
import { reduce } from "./reduce.js";
import { smallest } from "./smallest.js";
import { unary } from "./unary.js";

/** Groups up to this long are one invocation's. */
const ownGroup = 32;

export function prunedEnergy(
  engine: Engine,
  y: Operand,
  h: Operand | undefined,
  out: Operand,
  energy: Operand,
  options: PrunedEnergyOptions,
): void {
  const { inputAxis, group } = options;
  const [n, d] = y.shape as [number, number];
  if (n * d === 0) {
    fill(engine, energy, 0);
    return;
  }
  const buffer = engine.allocate(4 * n * d);
  const parts: Operand = { buffer, dtype: "f32", shape: [n, d], strides: [d, 1], offset: 0 };
  const task = { y, h, out, parts, options };
  if (group <= ownGroup) pruneGroups(engine, task);
  else pruneMasked(engine, task);
  reduce(engine, "sum", parts, [1 - inputAxis], energy);
  engine.free(buffer);
}

interface Task {
  readonly y: Operand;
  readonly h: Operand | undefined;
  readonly out: Operand;
  /** What each element adds to the energy. */
  readonly parts: Operand;
  readonly options: PrunedEnergyOptions;
}

/** By inputs and the others: strides as kernels take them. */
function strides({ y, h, out, parts, options: { inputAxis } }: Task) {
  const of = (name: string, x: Operand) => ({
    [`${name}_offset`]: x.offset,
    [`${name}_input`]: x.strides[inputAxis]!,
    [`${name}_other`]: x.strides[1 - inputAxis]!,
  });
  return {
    ...{ ...of("y", y), ...of("out", out), ...of("parts", parts) },
    ...{ h_offset: h?.offset ?? 0, h_input: h?.strides[0] ?? 0 },
  };
}

const bindings = ({ y, h, out, parts }: Task) => ({
  ...readBindings(h ? { y, h } : { y }),
  out: { buffer: out.buffer, access: "read_write" as const },
  parts: { buffer: parts.buffer, access: "read_write" as const },
});

const scaleAt = (h: Operand | undefined, names: Readonly<Record<string, string>>) =>
  `fn hAt(i: u32) -> f32 { return ${h ? `bitcast<f32>(${names.h}[params.h_offset + i * params.h_input])` : "1.0"}; }\n`;

/** The end of both kernels: `kept` is whether M is 1 at the element. */
const write = (names: Readonly<Record<string, string>>, indent: string) =>
  `let value = bitcast<f32>(${names.y}[params.y_offset + other * params.y_other + input * params.y_input]);
let pruned = select(0.0, value, kept);
${names.parts}[params.parts_offset + other * params.parts_other + input * params.parts_input] = bitcast<u32>(pruned * value);
${names.out}[params.out_offset + other * params.out_other + input * params.out_input] = bitcast<u32>(pruned * hAt(input));`
    .split("\n")
    .map((line) => indent + line)
    .join("\n");

function pruneGroups(engine: Engine, task: Task): void {
  const { y, h, options } = task;
  const { inputAxis, group, count } = options;
  const [inputs, others] = [y.shape[inputAxis]!, y.shape[1 - inputAxis]!];
  const groups = (inputs / group) * others;
  engine.dispatch({
    op: "prunedEnergy",
    key: `prunedEnergy groups ${h !== undefined}`,
    bindings: bindings(task),
    params: { ...strides(task), others, groups, group, chosen: count },
    workgroups: foldWorkgroups(Math.ceil(groups / workgroupSize)),
    work: groups * group * (group + 8),
    // Neighbouring invocations take neighbouring others.
    code: (names) => `${sortKey("f32")}${scaleAt(h, names)}${mainById}
  if (id >= params.groups) { return; }
  let first = id / params.others * params.group;
  let other = id % params.others;
  var keys: array<u32, ${ownGroup}>;
  for (var i = 0u; i < params.group; i++) {
    let input = first + i;
    let value = bitcast<f32>(${names.y}[params.y_offset + other * params.y_other + input * params.y_input]);
    keys[i] = sortKey(bitcast<u32>((value * value) * hAt(input)));
  }
  for (var i = 0u; i < params.group; i++) {
    let own = keys[i];
    var before = 0u;
    for (var j = 0u; j < params.group; j++) {
      if (keys[j] < own || (keys[j] == own && j < i)) { before += 1u; }
    }
    let kept = before < params.chosen;
    let input = first + i;
${write(names, "    ")}
  }
}
`,
  });
}

function pruneMasked(engine: Engine, task: Task): void {
  const { y, h, options } = task;
  const { inputAxis, group, count } = options;
  const [inputs, others] = [y.shape[inputAxis]!, y.shape[1 - inputAxis]!];
  const size = sizeOf(y.shape);
  const made: DeviceBuffer[] = [];
  const scratch = (dtype: "f32" | "bool"): Operand => {
    const buffer = engine.allocate(size * (dtype === "f32" ? 4 : 1));
    made.push(buffer);
    return { buffer, dtype, shape: [others, inputs], strides: [inputs, 1], offset: 0 };
  };
  const importance = scratch("f32");
  const mask = scratch("bool");
  const turned = {
    ...y,
    shape: [others, inputs],
    strides: [y.strides[1 - inputAxis]!, y.strides[inputAxis]!],
  };
  unary(engine, "square", turned, importance);
  if (h) {
    const spread = { ...h, shape: [others, inputs], strides: [0, h.strides[0]!] };
    binary(engine, "mul", importance, spread, importance);
  }
  smallest(engine, importance, mask, { group, count });
  engine.dispatch({
    op: "prunedEnergy",
    key: `prunedEnergy masked ${h !== undefined}`,
    bindings: { ...bindings(task), mask: { buffer: mask.buffer, access: "read" } },
    params: { ...strides(task), others, inputs, count: size },
    workgroups: foldWorkgroups(Math.ceil(size / workgroupSize)),
    work: 8 * size,
    code: (names) => `${scaleAt(h, names)}${mainById}
  if (id >= params.count) { return; }
  let other = id / params.inputs;
  let input = id % params.inputs;
  let kept = ((${names.mask}[id >> 2u] >> ((id & 3u) * 8u)) & 1u) == 1u;
${write(names, "  ")}
}
`,
  });
  for (const buffer of made) engine.free(buffer);
}
