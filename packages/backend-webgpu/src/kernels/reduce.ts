import { type Operand, type ReduceOp, sizeOf } from "@denoise-rotator/core";
import { foldWorkgroups } from "../engine/dispatch.js";
import type { Engine } from "../engine/engine.js";
import { listLength } from "../engine/params.js";
import { adapterKind } from "../matmul/preferences.js";
import { floatBits } from "../wgsl/bits.js";
import { denseParams, readElement, workgroupSize, writeDense } from "../wgsl/elements.js";
import { locate, mergeAxes, rankClass, type Windows, windowParams } from "../wgsl/windows.js";
import { compact } from "./compact.js";
import { copy, fill } from "./copy.js";
import { readBindings } from "./map.js";

/** Reductions of fewer terms are not shared by a workgroup. */
const fewTerms = 64;
/** Terms one invocation goes through before another pass pays; invocations that keep a device busy. */
const longRun = 512;
const busy = 2 ** 14;

/**
 * Each result is a workgroup's (reduced axes innermost in memory: neighbours read neighbours) or one invocation's (else).
 * Long reductions with few results are cut into chunks whose results are reduced again, so sums are sums of partial sums.
 */
export function reduce(
  engine: Engine,
  op: ReduceOp,
  x: Operand,
  axes: readonly number[],
  out: Operand,
): void {
  const results = sizeOf(out.shape);
  if (results === 0) return;
  const terms = sizeOf(axes.map((axis) => x.shape[axis]!));
  if (terms === 0) {
    fill(engine, out, identities[op]);
    return;
  }
  const { kept, reduced } = views(x, axes);
  if (kept.shape.length > listLength || reduced.shape.length > listLength) {
    const dense = compact(engine, permuted(x, axes));
    reduce(engine, op, { ...dense, shape: [results, terms], strides: [terms, 1] }, [1], out);
    engine.free(dense.buffer);
    return;
  }
  const inner = (view: Windows) => view.strides[0]!.at(-1) ?? Number.POSITIVE_INFINITY;
  // Barriers cost software adapters more than strides do.
  const shared = terms >= fewTerms && inner(reduced) <= inner(kept) && adapterKind(engine) === "gpu";
  const chunks = countChunks(results, terms, shared);
  const pass: Pass = { op, x, kept, reduced, terms, shared, chunks };
  if (chunks === 1 && !(shared && out.dtype === "bool")) {
    run(engine, pass, out, results);
    return;
  }
  const dtype = out.dtype === "bool" ? "i32" : out.dtype;
  const buffer = engine.allocate(results * chunks * 4);
  const shape = [results, chunks];
  const partial: Operand = { buffer, dtype, shape, strides: [chunks, 1], offset: 0 };
  run(engine, pass, partial, results * chunks);
  if (chunks > 1) reduce(engine, op, partial, [1], out);
  else copy(engine, { ...partial, shape: out.shape, strides: out.strides }, out);
  engine.free(buffer);
}

const identities: Readonly<Record<ReduceOp, number>> = {
  sum: 0,
  max: Number.NEGATIVE_INFINITY,
  min: Number.POSITIVE_INFINITY,
  any: 0,
  all: 1,
};

function countChunks(results: number, terms: number, shared: boolean): number {
  const invocations = results * (shared ? workgroupSize : 1);
  const run = terms / (shared ? workgroupSize : 1);
  if (run <= 64 || (invocations >= busy && run <= 64 * longRun)) return 1;
  return Math.max(1, Math.min(Math.ceil(busy / invocations), Math.floor(run / 32)));
}

const pick = <T>(list: readonly T[], axes: readonly number[]): T[] => axes.map((axis) => list[axis]!);
const keptAxes = (x: Operand, axes: readonly number[]) =>
  x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));

function views(x: Operand, axes: readonly number[]): { kept: Windows; reduced: Windows } {
  const view = (list: readonly number[], offset: number) =>
    mergeAxes([{ shape: pick(x.shape, list), strides: pick(x.strides, list), offset }]);
  return { kept: view(keptAxes(x, axes), x.offset), reduced: view(axes, 0) };
}

function permuted(x: Operand, axes: readonly number[]): Operand {
  const order = [...keptAxes(x, axes), ...axes];
  return { ...x, shape: pick(x.shape, order), strides: pick(x.strides, order) };
}

interface Pass {
  readonly op: ReduceOp;
  readonly x: Operand;
  readonly kept: Windows;
  readonly reduced: Windows;
  readonly terms: number;
  readonly shared: boolean;
  readonly chunks: number;
}

function run(engine: Engine, pass: Pass, out: Operand, results: number): void {
  const { op, x, kept, reduced, terms, shared, chunks } = pass;
  const ranks = [rankClass(kept), rankClass(reduced)] as const;
  const dense = denseParams(out.dtype, out.offset, results);
  engine.dispatch({
    op,
    key: `reduce ${op} ${x.dtype} ${out.dtype} ${shared} ${ranks}`,
    bindings: { ...readBindings({ x }), out: { buffer: out.buffer, access: "read_write" } },
    params: {
      ...windowParams(["x"], kept, "kept_"),
      ...windowParams(["x"], reduced, "reduced_"),
      ...dense.params,
      terms,
      chunks,
      run: Math.ceil(terms / chunks),
    },
    workgroups: foldWorkgroups(shared ? results : Math.ceil(dense.invocations / workgroupSize)),
    work: results * terms,
    code: (variables) => `${floatBits}${arithmetic(op, x)}${readElement("x", variables.x!, x.dtype)}
${locate(["x"], ranks[0], "kept_")}${locate(["x"], ranks[1], "reduced_")}${partialResult}
${shared ? sharedMain(variables.out!) : `fn element(i: u32) -> u32 { return finish(partialResult(i, 0u, 1u)); }\n${writeDense(variables.out!, out.dtype)}`}`,
  });
}

/** Term `j` of result `i` (a chunk of one) is every `step`-th from `start`; blocks keep rounding errors of sums small. */
const partialResult = /* wgsl */ `
fn partialResult(i: u32, start: u32, step: u32) -> u32 {
  let base = kept_locate(i / params.chunks).x;
  let first = i % params.chunks * params.run;
  let end = min(first + params.run, params.terms);
  var total = identity;
  var j = first + start;
  while (j < end) {
    var block = identity;
    for (var k = 0u; k < 32u && j < end; k++) {
      block = combine(block, begin(read_x(base + reduced_locate(j).x)));
      j += step;
    }
    total = combine(total, block);
  }
  return total;
}
`;

const sharedMain = (out: string) => /* wgsl */ `
var<workgroup> partials: array<u32, ${workgroupSize}>;
@compute @workgroup_size(${workgroupSize})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let id = group.x + group.y * groups.x;
  if (id >= params.count) { return; }
  partials[local] = partialResult(id, local, ${workgroupSize}u);
  for (var half = ${workgroupSize / 2}u; half > 0u; half >>= 1u) {
    workgroupBarrier();
    if (local < half) { partials[local] = combine(partials[local], partials[local + half]); }
  }
  if (local == 0u) { ${out}[params.first + id] = finish(partials[0]); }
}
`;

/**
 * `identity`, `begin` of an element, `combine`, `finish`, all on u32. Extrema compare by order-keeping integers among
 * which NaN is the most extreme.
 */
function arithmetic(op: ReduceOp, { dtype }: Operand): string {
  const float = dtype === "f32";
  const functions = (identity: string, begin: string, combine: string, finish = "a") => `
const identity = ${identity};
fn begin(a: u32) -> u32 { return ${begin}; }
fn combine(a: u32, b: u32) -> u32 { return ${combine}; }
fn finish(a: u32) -> u32 { return ${finish}; }
`;
  switch (op) {
    case "sum":
      return functions("0u", "a", float ? "bitcast<u32>(bitcast<f32>(a) + bitcast<f32>(b))" : "a + b");
    case "any":
      return functions("0u", "select(0u, 1u, a != 0u)", "a | b");
    case "all":
      return functions("1u", "select(0u, 1u, a != 0u)", "a & b");
    default: {
      const extreme = `bitcast<u32>(${op}(bitcast<i32>(a), bitcast<i32>(b)))`;
      if (!float) return functions(op === "max" ? "0x80000000u" : "0x7fffffffu", "a", extreme);
      const nan = op === "max" ? "quietNan" : "0xffc00000u";
      return functions(
        op === "max" ? "0x807fffffu" : "0x7f800000u",
        `bitcast<u32>(orderOf(select(a, ${nan}, isNan(a))))`,
        extreme,
        "bitcast<u32>(orderOf(a))",
      );
    }
  }
}
