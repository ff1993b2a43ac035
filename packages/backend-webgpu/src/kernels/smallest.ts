import { type Operand, sizeOf } from "@denoise-rotator/core";
import { foldWorkgroups } from "../engine/dispatch.js";
import type { Engine } from "../engine/engine.js";
import { denseParams, readElement, workgroupSize, writeDense } from "../wgsl/elements.js";
import { sortKey } from "../wgsl/sort-keys.js";
import { forEachPart, locate, mergeAxes, rankClass, type Windows, windowParams } from "../wgsl/windows.js";
import { fill } from "./copy.js";
import { readBindings } from "./map.js";

export interface SmallestOptions {
  readonly group: number;
  readonly count: number;
}

/** In groups up to this long every element counts those that come before it. */
const countedLength = 64;

export function smallest(engine: Engine, x: Operand, out: Operand, { group, count }: SmallestOptions): void {
  if (sizeOf(x.shape) === 0) return;
  if (count === 0 || count === group) {
    fill(engine, out, count === 0 ? 0 : 1);
    return;
  }
  let offset = out.offset;
  forEachPart(mergeAxes([x]), (part) => {
    const task = { x, part, out, offset, group, count };
    if (group <= countedLength) markCounted(engine, task);
    else markBelow(engine, task);
    offset += sizeOf(part.shape);
  });
}

interface Task extends SmallestOptions {
  readonly x: Operand;
  readonly part: Windows;
  readonly out: Operand;
  readonly offset: number;
}

const op = "smallest";

/** The key of element i. */
const keyAt = (
  x: Operand,
  part: Windows,
  variable: string,
) => `${sortKey(x.dtype)}${readElement("x", variable, x.dtype)}
${locate(["x"], rankClass(part))}
fn keyAt(i: u32) -> u32 { return sortKey(read_x(locate(i).x)); }
`;

function markCounted(engine: Engine, { x, part, out, offset, group, count }: Task): void {
  const size = sizeOf(part.shape);
  const dense = denseParams("bool", offset, size);
  engine.dispatch({
    op,
    key: `smallest count ${x.dtype} ${rankClass(part)}`,
    bindings: { ...readBindings({ x }), out: { buffer: out.buffer, access: "read_write" } },
    params: { ...windowParams(["x"], part), ...dense.params, group, chosen: count },
    workgroups: foldWorkgroups(Math.ceil(dense.invocations / workgroupSize)),
    work: size * group,
    code: (names) => `${keyAt(x, part, names.x!)}
fn element(i: u32) -> u32 {
  let own = keyAt(i);
  let start = i / params.group * params.group;
  var before = 0u;
  for (var j = start; j < start + params.group; j++) {
    let other = keyAt(j);
    if (other < own || (other == own && j < i)) { before++; }
  }
  return select(0u, 1u, before < params.chosen);
}
${writeDense(names.out!, "bool")}`,
  });
}

/** Finds in each group the last pair of key and position that belongs to the smallest, then marks those up to it. */
function markBelow(engine: Engine, { x, part, out, offset, group, count }: Task): void {
  const size = sizeOf(part.shape);
  const groups = size / group;
  const last = engine.allocate(8 * groups);
  const rank = rankClass(part);
  engine.dispatch({
    op,
    key: `smallest find ${x.dtype} ${rank}`,
    bindings: { ...readBindings({ x }), last: { buffer: last, access: "read_write" } },
    params: { ...windowParams(["x"], part), group, groups, chosen: count },
    workgroups: foldWorkgroups(groups),
    work: 6 * size,
    code: (names) => keyAt(x, part, names.x!) + findLast(names.last!),
  });
  const dense = denseParams("bool", offset, size);
  engine.dispatch({
    op,
    key: `smallest mark ${x.dtype} ${rank}`,
    bindings: {
      ...readBindings({ x }),
      last: { buffer: last, access: "read" },
      out: { buffer: out.buffer, access: "read_write" },
    },
    params: { ...windowParams(["x"], part), ...dense.params, group },
    workgroups: foldWorkgroups(Math.ceil(dense.invocations / workgroupSize)),
    work: size,
    code: (names) => `${keyAt(x, part, names.x!)}
fn element(i: u32) -> u32 {
  let key = keyAt(i);
  let at = i / params.group * 2u;
  let limit = ${names.last}[at];
  return select(0u, 1u, key < limit || (key == limit && i % params.group <= ${names.last}[at + 1u]));
}
${writeDense(names.out!, "bool")}`,
  });
  engine.free(last);
}

const invocations = 256;

/**
 * A workgroup finds the key of rank `chosen` of its group by its bits, eight at a time (a histogram of those that agree so
 * far), and then, among elements with that key, the position of the last one that belongs.
 */
const findLast = (last: string) => /* wgsl */ `
var<workgroup> histogram: array<atomic<u32>, 256>;
var<workgroup> known: u32;
var<workgroup> remaining: u32;
var<workgroup> ties: array<u32, ${invocations}>;
@compute @workgroup_size(${invocations})
fn main(
  @builtin(workgroup_id) number: vec3<u32>,
  @builtin(num_workgroups) numbers: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let id = number.x + number.y * numbers.x;
  if (id >= params.groups) { return; }
  let start = id * params.group;
  if (local == 0u) {
    known = 0u;
    remaining = params.chosen;
  }
  for (var digit = 0u; digit < 4u; digit++) {
    let shift = 24u - 8u * digit;
    atomicStore(&histogram[local], 0u);
    workgroupBarrier();
    let prefix = workgroupUniformLoad(&known);
    for (var j = local; j < params.group; j += ${invocations}u) {
      let key = keyAt(start + j);
      // Shifted twice, since a shift by 32 is not one.
      if ((key >> shift) >> 8u == prefix) { atomicAdd(&histogram[(key >> shift) & 0xffu], 1u); }
    }
    workgroupBarrier();
    if (local == 0u) {
      var bin = 0u;
      while (bin < 255u && atomicLoad(&histogram[bin]) < remaining) {
        remaining -= atomicLoad(&histogram[bin]);
        bin++;
      }
      known = (prefix << 8u) | bin;
    }
    workgroupBarrier();
  }
  let limit = workgroupUniformLoad(&known);
  let wanted = workgroupUniformLoad(&remaining);
  let run = (params.group + ${invocations - 1}u) / ${invocations}u;
  let begin = min(local * run, params.group);
  let end = min(begin + run, params.group);
  var own = 0u;
  for (var j = begin; j < end; j++) { own += select(0u, 1u, keyAt(start + j) == limit); }
  ties[local] = own;
  workgroupBarrier();
  var before = 0u;
  for (var k = 0u; k < local; k++) { before += ties[k]; }
  if (before < wanted && before + own >= wanted) {
    var j = begin;
    loop {
      if (keyAt(start + j) == limit) { before++; }
      if (before == wanted) { break; }
      j++;
    }
    ${last}[2u * id] = limit;
    ${last}[2u * id + 1u] = j;
  }
}
`;
