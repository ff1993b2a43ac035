import type { Operand } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";
import { floatBits, floatOfBits } from "../wgsl/bits.js";
import { sigmoid } from "../wgsl/math.js";
import { map } from "./map.js";

export function swiglu(engine: Engine, gate: Operand, up: Operand, out: Operand): void {
  map(engine, {
    op: "swiglu",
    key: "swiglu",
    inputs: { gate, up },
    out,
    body: () => `${floatBits}${floatOfBits}${sigmoid}
fn compute(gate: u32, up: u32) -> u32 {
  return bitcast<u32>((bitcast<f32>(gate) * bitcast<f32>(sigmoid(gate))) * bitcast<f32>(up));
}
`,
  });
}
