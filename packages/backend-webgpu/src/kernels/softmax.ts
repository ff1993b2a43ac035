import { type Operand, sizeOf } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";
import { floatBits, floatOfBits } from "../wgsl/bits.js";
import { exponential, logarithm } from "../wgsl/math.js";
import { forEachRow } from "./rows.js";

/** Of a row's elements `at(i)`: `peak`, the key of the largest (NaN's is above all), and whether it is a number. */
const findPeak = (limit: string) => `
  var highest = ${-(2 ** 31)};
  for (var i = lane; i < ${limit}; i += lanes) {
    let bits = at(i, p.x);
    highest = max(highest, select(orderOf(bits), 0x7fffffff, isNan(bits)));
  }
  let peak = largest(highest, lane);
  let top = bitcast<u32>(peak ^ bitcast<i32>(bitcast<u32>(peak >> 31u) & 0x7fffffffu));
  let finite = !isNonFinite(top);
  var sum = 0.0;
  for (var i = lane; i < ${limit}; i += lanes) { sum += power(at(i, p.x), top); }
  sum = total(sum, lane);
`;

const functions = (variable: string) => `${floatBits}${floatOfBits}${exponential}
fn at(i: u32, start: u32) -> u32 { return ${variable}[start + i * params.step]; }
/** e^(x - top). */
fn power(x: u32, top: u32) -> f32 {
  return bitcast<f32>(exponential(bitcast<u32>(bitcast<f32>(x) - bitcast<f32>(top))));
}
`;

export function softmax(engine: Engine, x: Operand, out: Operand): void {
  if (sizeOf(out.shape) === 0) return;
  const columns = x.shape.at(-1) ?? 1;
  forEachRow(engine, {
    op: "softmax",
    key: "softmax",
    rows: { x },
    bindings: { out: { buffer: out.buffer, access: "read_write" } },
    params: { step: x.strides.at(-1) ?? 0, out_offset: out.offset },
    lead: x.shape.slice(0, -1),
    columns,
    cost: 30,
    code: (names) => ({
      functions: functions(names.x!),
      main: `${findPeak("params.columns")}
  for (var i = lane; i < params.columns; i += lanes) {
    let value = bitcast<u32>(power(at(i, p.x), top) / sum);
    ${names.out}[params.out_offset + row * params.columns + i] = select(quietNan, value, finite);
  }`,
    }),
  });
}

/**
 * In place on scores `[heads, queries, keys]`, of which query i sees the keys up to `visible + i` and is NaN where there
 * are none; the rest become 0.
 */
export function maskedSoftmax(engine: Engine, scores: Operand, visible: number): void {
  const [, queries, keys] = scores.shape as [number, number, number];
  forEachRow(engine, {
    op: "attention",
    key: "masked softmax",
    rows: { x: scores },
    bindings: { out: { buffer: scores.buffer, access: "read_write" } },
    params: { step: 1, queries, visible: { i32: visible } },
    lead: scores.shape.slice(0, -1),
    columns: keys,
    cost: 30,
    code: (names) => ({
      functions: functions(names.x!),
      main: `  let seen = u32(clamp(params.visible + i32(row % params.queries) + 1, 0, i32(params.columns)));
${findPeak("seen")}
  for (var i = lane; i < params.columns; i += lanes) {
    var value = 0u;
    if (i < seen) { value = bitcast<u32>(power(at(i, p.x), top) / sum); }
    ${names.out}[p.x + i] = select(quietNan, value, finite && seen > 0u);
  }`,
    }),
  });
}

export function crossEntropy(engine: Engine, logits: Operand, targets: Operand, out: Operand): void {
  const [rows, columns] = logits.shape as [number, number];
  if (rows === 0) return;
  forEachRow(engine, {
    op: "crossEntropy",
    key: "crossEntropy",
    rows: { x: logits, chosen: targets },
    bindings: { out: { buffer: out.buffer, access: "read_write" } },
    params: { step: logits.strides[1]!, out_offset: out.offset },
    lead: [rows],
    columns,
    cost: 20,
    code: (names) => ({
      functions: `${functions(names.x!)}${logarithm}`,
      main: `${findPeak("params.columns")}
  if (lane == 0u) {
    let wanted = ${names.chosen}[p.chosen];
    let inside = wanted < params.columns;
    let logit = bitcast<f32>(at(select(0u, wanted, inside), p.x));
    let value = bitcast<u32>((bitcast<f32>(top) - logit) + bitcast<f32>(logarithm(bitcast<u32>(sum))));
    ${names.out}[params.out_offset + row] = select(quietNan, value, finite && inside);
  }`,
    }),
  });
}
