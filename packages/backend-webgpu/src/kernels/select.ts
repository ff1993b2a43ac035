import type { Operand } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";
import { map } from "./map.js";

export function select(engine: Engine, condition: Operand, a: Operand, b: Operand, out: Operand): void {
  const body = () =>
    "fn compute(condition: u32, a: u32, b: u32) -> u32 { return select(b, a, condition != 0u); }\n";
  map(engine, { op: "select", key: "select", inputs: { condition, a, b }, out, body });
}
