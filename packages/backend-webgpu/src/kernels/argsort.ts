import { type Operand, sizeOf } from "@denoise-rotator/core";
import { foldWorkgroups } from "../engine/dispatch.js";
import type { Engine } from "../engine/engine.js";
import { mainById, readElement, workgroupSize } from "../wgsl/elements.js";
import { sortKey } from "../wgsl/sort-keys.js";
import { forEachPart, locate, mergeAxes, rankClass, type Windows, windowParams } from "../wgsl/windows.js";
import { readBindings } from "./map.js";

/** Rows up to this long are sorted by counting, for each element, those that come before it. */
const countedLength = 64;
/** Pairs of key and position one workgroup sorts in its own memory. */
const blockLength = 1024;
const blockInvocations = 256;

/**
 * Bitonic sort (Batcher 1968) of pairs of key and position: all pairs differ, so the order is that of a stable sort.
 * Rows are padded to a power of two by pairs beyond all others.
 */
export function argsort(
  engine: Engine,
  x: Operand,
  out: Operand,
  { descending }: { readonly descending: boolean },
): void {
  if (sizeOf(x.shape) === 0) return;
  const length = x.shape.at(-1)!;
  let offset = out.offset;
  forEachPart(mergeAxes([x]), (part) => {
    const count = sizeOf(part.shape);
    const task = { x, part, length, rows: count / length, out, offset, descending };
    if (length <= countedLength) countBefore(engine, task);
    else sortRows(engine, task);
    offset += count;
  });
}

interface Task {
  readonly x: Operand;
  readonly part: Windows;
  readonly length: number;
  readonly rows: number;
  readonly out: Operand;
  readonly offset: number;
  readonly descending: boolean;
}

const op = "argsort";

function reading({ x, part, descending, length }: Task) {
  const rank = rankClass(part);
  return {
    key: `${x.dtype} ${descending} ${rank}`,
    bindings: readBindings({ x }),
    params: { ...windowParams(["x"], part), length },
    code: (variable: string) =>
      `${sortKey(x.dtype, descending)}${readElement("x", variable, x.dtype)}${locate(["x"], rank)}`,
  };
}

function countBefore(engine: Engine, task: Task): void {
  const { key, bindings, params, code } = reading(task);
  const count = task.rows * task.length;
  engine.dispatch({
    op,
    key: `argsort count ${key}`,
    bindings: { ...bindings, out: { buffer: task.out.buffer, access: "read_write" } },
    params: { ...params, count, first: task.offset },
    workgroups: foldWorkgroups(Math.ceil(count / workgroupSize)),
    work: count * task.length,
    code: ({ x, out }) => `${code(x!)}
${mainById}
  if (id >= params.count) { return; }
  let row = id / params.length * params.length;
  let own = sortKey(read_x(locate(id).x));
  var before = 0u;
  for (var j = row; j < row + params.length; j++) {
    let other = sortKey(read_x(locate(j).x));
    if (other < own || (other == own && j < id)) { before++; }
  }
  ${out}[params.first + row + before] = id - row;
}
`,
  });
}

/** As many rows at a time as fit a buffer of pairs. */
function sortRows(engine: Engine, task: Task): void {
  const padded = 2 ** Math.ceil(Math.log2(task.length));
  const most = Math.max(1, Math.floor(engine.maxBufferBytes / (8 * padded)));
  for (let row = 0; row < task.rows; row += most)
    sortPadded(engine, task, padded, row, Math.min(most, task.rows - row));
}

function sortPadded(engine: Engine, task: Task, padded: number, firstRow: number, rows: number): void {
  const pairs = engine.allocate(8 * padded * rows);
  const total = padded * rows;
  const { key, bindings, params, code } = reading(task);
  const storage = { buffer: pairs, access: "read_write", type: "array<vec2<u32>>" } as const;
  engine.dispatch({
    op,
    key: `argsort load ${key}`,
    bindings: { ...bindings, pairs: storage },
    params: { ...params, total, padded, firstRow },
    workgroups: foldWorkgroups(Math.ceil(total / workgroupSize)),
    code: (names) => `${code(names.x!)}
${mainById}
  if (id >= params.total) { return; }
  let column = id % params.padded;
  let row = id / params.padded + params.firstRow;
  // Past the row: after every pair of it, since its position is larger.
  var pair = vec2(0xffffffffu, column);
  if (column < params.length) { pair.x = sortKey(read_x(locate(row * params.length + column).x)); }
  ${names.pairs}[id] = pair;
}
`,
  });
  const step = (kind: "sort" | "merge" | "exchange", run: number, distance: number) => {
    const invocations = kind === "exchange" ? workgroupSize : blockInvocations;
    const groups =
      kind === "exchange" ? Math.ceil(total / 2 / workgroupSize) : Math.ceil(total / blockLength);
    engine.dispatch({
      op,
      key: `argsort ${kind}`,
      bindings: { pairs: storage },
      params: { total, padded, run, distance },
      workgroups: foldWorkgroups(groups),
      work: groups * invocations * 16,
      code: ({ pairs }) => (kind === "exchange" ? exchange(pairs!) : block(pairs!, kind)),
    });
  };
  step("sort", 0, 0);
  for (let run = 2 * blockLength; run <= padded; run *= 2) {
    for (let distance = run / 2; distance >= blockLength; distance /= 2) step("exchange", run, distance);
    step("merge", run, 0);
  }
  engine.dispatch({
    op,
    key: "argsort store",
    bindings: {
      pairs: { ...storage, access: "read" },
      out: { buffer: task.out.buffer, access: "read_write" },
    },
    params: {
      count: rows * task.length,
      length: task.length,
      padded,
      first: task.offset + firstRow * task.length,
    },
    workgroups: foldWorkgroups(Math.ceil((rows * task.length) / workgroupSize)),
    code: (names) => `${mainById}
  if (id >= params.count) { return; }
  ${names.out}[params.first + id] = ${names.pairs}[id / params.length * params.padded + id % params.length].y;
}
`,
  });
  engine.free(pairs);
}

/** Whether a and b, of which a lies first, are out of order in a run that rises or falls. */
const outOfOrder = /* wgsl */ `
fn outOfOrder(a: vec2<u32>, b: vec2<u32>, falls: bool) -> bool {
  return (b.x < a.x || (b.x == a.x && b.y < a.y)) != falls;
}
`;

/** One step between pairs that are `distance` apart; runs of length `run` alternately rise and fall within a row. */
const exchange = (pairs: string) => `${outOfOrder}${mainById}
  if (id >= params.total / 2u) { return; }
  let low = id / params.distance * 2u * params.distance + id % params.distance;
  let high = low + params.distance;
  let falls = ((low % params.padded) & params.run) != 0u;
  let a = ${pairs}[low];
  let b = ${pairs}[high];
  if (outOfOrder(a, b, falls)) {
    ${pairs}[low] = b;
    ${pairs}[high] = a;
  }
}
`;

/** All steps within blocks: of a whole sort, up to runs as long as a block or row, or of the last merge of longer runs. */
const block = (pairs: string, kind: "sort" | "merge") => `${outOfOrder}
var<workgroup> tile: array<vec2<u32>, ${blockLength}>;
fn steps(local: u32, start: u32, run: u32, first: u32) {
  for (var distance = first; distance > 0u; distance >>= 1u) {
    workgroupBarrier();
    for (var i = local; i < ${blockLength / 2}u; i += ${blockInvocations}u) {
      let low = i / distance * 2u * distance + i % distance;
      let falls = (((start + low) % params.padded) & run) != 0u;
      let a = tile[low];
      let b = tile[low + distance];
      if (outOfOrder(a, b, falls)) {
        tile[low] = b;
        tile[low + distance] = a;
      }
    }
  }
}
@compute @workgroup_size(${blockInvocations})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let start = (group.x + group.y * groups.x) * ${blockLength}u;
  for (var i = local; i < ${blockLength}u; i += ${blockInvocations}u) {
    if (start + i < params.total) { tile[i] = ${pairs}[start + i]; }
  }
  ${
    kind === "merge"
      ? `steps(local, start, params.run, ${blockLength / 2}u);`
      : `let longest = min(params.padded, ${blockLength}u);
  for (var run = 2u; run <= longest; run <<= 1u) { steps(local, start, run, run >> 1u); }`
  }
  workgroupBarrier();
  for (var i = local; i < ${blockLength}u; i += ${blockInvocations}u) {
    if (start + i < params.total) { ${pairs}[start + i] = tile[i]; }
  }
}
`;
