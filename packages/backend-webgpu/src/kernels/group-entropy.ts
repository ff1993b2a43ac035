import { type GroupEntropyOptions, type Operand, sizeOf } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";
import { floatBits, floatOfBits } from "../wgsl/bits.js";
import { logarithm } from "../wgsl/math.js";
import { fill } from "./copy.js";
import { reduce } from "./reduce.js";
import { forEachRow } from "./rows.js";

/** Groups side by side in memory that keep a device busy with one invocation for each. */
const manyColumns = 512;
const tiny = 1e-30;

export function groupEntropy(
  engine: Engine,
  y: Operand,
  h: Operand | undefined,
  out: Operand,
  energy: Operand,
  entropies: Operand,
  { axis, accumulate }: GroupEntropyOptions,
): void {
  if (sizeOf(y.shape) === 0) {
    fill(engine, energy, 0);
    fill(engine, entropies, 0);
    return;
  }
  const [groups, columns] = [y.shape[1 - axis]!, y.shape[axis]!];
  const [n, d] = y.shape as [number, number];
  const turned = (x: Operand): Operand => ({
    ...x,
    shape: [groups, columns],
    strides: [x.strides[1 - axis]!, x.strides[axis]!],
  });
  // What each element adds to the energy, laid out as y's shape.
  const buffer = engine.allocate(4 * n * d);
  const parts: Operand = { buffer, dtype: "f32", shape: [n, d], strides: [d, 1], offset: 0 };
  const [from, to, added] = [turned(y), turned(out), turned(parts)];
  forEachRow(engine, {
    op: "groupEntropy",
    key: `groupEntropy ${accumulate} ${h !== undefined}`,
    rows: { y: from, out: to, parts: added },
    bindings: {
      ...(h && { h: { buffer: h.buffer, access: "read" } }),
      out: { buffer: out.buffer, access: "read_write" },
      parts: { buffer, access: "read_write" },
      entropies: { buffer: entropies.buffer, access: "read_write" },
    },
    params: {
      ...{ y_step: from.strides[1]!, out_step: to.strides[1]!, parts_step: added.strides[1]! },
      ...{ h_step: h?.strides[0] ?? 0, h_offset: h?.offset ?? 0, entropies_offset: entropies.offset },
    },
    lead: [groups],
    columns,
    ...(axis === 0 && groups >= manyColumns ? { single: true } : {}),
    cost: 50,
    code: (names) => ({
      functions: `${floatBits}${floatOfBits}${logarithm}
fn yAt(i: u32, start: u32) -> f32 { return bitcast<f32>(${names.y}[start + i * params.y_step]); }
fn hAt(i: u32) -> f32 { return ${h ? `bitcast<f32>(${names.h}[params.h_offset + i * params.h_step])` : "1.0"}; }
fn logOf(p: f32) -> f32 { return bitcast<f32>(logarithm(bitcast<u32>(max(p, ${tiny})))); }
`,
      main: `  var sum = 0.0;
  for (var i = lane; i < params.columns; i += lanes) {
    let value = yAt(i, p.y);
    sum += value * value * hAt(i);
  }
  sum = total(sum, lane);
  let empty = isZero(bitcast<u32>(sum));
  let inverse = select(1.0 / select(sum, 1.0, empty), 0.0, empty);
  var terms = 0.0;
  for (var i = lane; i < params.columns; i += lanes) {
    let value = yAt(i, p.y);
    let share = value * value * hAt(i) * inverse;
    terms += share * logOf(share);
  }
  let entropy = 0.0 - total(terms, lane);
  for (var i = lane; i < params.columns; i += lanes) {
    let value = yAt(i, p.y);
    let scale = hAt(i);
    let slope = (logOf(value * value * scale * inverse) + entropy) * -inverse * value;
    ${names.parts}[p.parts + i * params.parts_step] = bitcast<u32>(slope * value);
    let at = p.out + i * params.out_step;
    ${names.out}[at] = bitcast<u32>(slope * scale${accumulate ? ` + bitcast<f32>(${names.out}[at])` : ""});
  }
  if (lane == 0u) { ${names.entropies}[params.entropies_offset + row] = bitcast<u32>(entropy); }`,
    }),
  });
  reduce(engine, "sum", parts, [1 - axis], energy);
  engine.free(buffer);
}
