import { type Operand, sizeOf } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";
import { forEachRow } from "./rows.js";

export function rmsNorm(
  engine: Engine,
  x: Operand,
  gain: Operand,
  out: Operand,
  { eps }: { readonly eps: number },
): void {
  if (sizeOf(out.shape) === 0) return;
  const columns = x.shape.at(-1)!;
  forEachRow(engine, {
    op: "rmsNorm",
    key: "rmsNorm",
    rows: { x },
    bindings: {
      gain: { buffer: gain.buffer, access: "read" },
      out: { buffer: out.buffer, access: "read_write" },
    },
    params: {
      ...{ step: x.strides.at(-1)!, gain_step: gain.strides[0]!, gain_offset: gain.offset },
      ...{ out_offset: out.offset, eps: { f32: eps }, share: { f32: 1 / columns } },
    },
    lead: x.shape.slice(0, -1),
    columns,
    code: (names) => ({
      functions: `fn at(i: u32, start: u32) -> f32 { return bitcast<f32>(${names.x}[start + i * params.step]); }
fn gainAt(i: u32) -> f32 { return bitcast<f32>(${names.gain}[params.gain_offset + i * params.gain_step]); }
`,
      main: `  var sum = 0.0;
  for (var i = lane; i < params.columns; i += lanes) {
    let value = at(i, p.x);
    sum = fma(value, value, sum);
  }
  let scale = 1.0 / sqrt(total(sum, lane) * params.share + params.eps);
  for (var i = lane; i < params.columns; i += lanes) {
    ${names.out}[params.out_offset + row * params.columns + i] = bitcast<u32>((at(i, p.x) * scale) * gainAt(i));
  }`,
    }),
  });
}
