import { type Operand, sizeOf } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";
import { floatBits, floatOfBits } from "../wgsl/bits.js";
import { logarithm } from "../wgsl/math.js";
import { forEachRow } from "./rows.js";

export function rowEntropy(engine: Engine, x: Operand, out: Operand): void {
  if (sizeOf(out.shape) === 0) return;
  forEachRow(engine, {
    op: "rowEntropy",
    key: "rowEntropy",
    rows: { x },
    bindings: { out: { buffer: out.buffer, access: "read_write" } },
    params: { step: x.strides.at(-1)!, out_offset: out.offset },
    lead: x.shape.slice(0, -1),
    columns: x.shape.at(-1)!,
    cost: 20,
    code: (names) => ({
      functions: `${floatBits}${floatOfBits}${logarithm}`,
      main: `  var sum = 0.0;
  for (var i = lane; i < params.columns; i += lanes) { sum += bitcast<f32>(${names.x}[p.x + i * params.step]); }
  sum = total(sum, lane);
  var terms = 0.0;
  for (var i = lane; i < params.columns; i += lanes) {
    let share = bitcast<f32>(${names.x}[p.x + i * params.step]) / sum;
    let bits = bitcast<u32>(share);
    if (!isZero(bits)) { terms += share * bitcast<f32>(logarithm(bits)); }
  }
  terms = total(terms, lane);
  if (lane == 0u) {
    let size = bitcast<u32>(sum);
    ${names.out}[params.out_offset + row] = select(bitcast<u32>(0.0 - terms), quietNan, isZero(size) || isNonFinite(size));
  }`,
    }),
  });
}
