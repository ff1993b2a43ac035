import type { BinaryOp, Operand } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";
import { floatBits, floatOfBits } from "../wgsl/bits.js";
import { power, quotient } from "../wgsl/math.js";
import { map } from "./map.js";

/** Expressions of the bits `a` and `b`; `p` and `q` are the floats. */
const floatOps: Readonly<Record<BinaryOp, string>> = {
  add: "bitcast<u32>(p + q)",
  sub: "bitcast<u32>(p - q)",
  mul: "bitcast<u32>(p * q)",
  div: "quotient(a, b)",
  pow: "power(a, b)",
  maximum: "extremum(a, b, orderOf(a) < orderOf(b))",
  minimum: "extremum(a, b, orderOf(b) < orderOf(a))",
  equal: "select(0u, 1u, isEqual(a, b))",
  notEqual: "select(1u, 0u, isEqual(a, b))",
  less: "select(0u, 1u, isLess(a, b))",
  lessEqual: "select(0u, 1u, isLess(a, b) || isEqual(a, b))",
  greater: "select(0u, 1u, isLess(b, a))",
  greaterEqual: "select(0u, 1u, isLess(b, a) || isEqual(a, b))",
  logicalAnd: "a & b",
  logicalOr: "a | b",
};

const comparisons = /* wgsl */ `
fn extremum(a: u32, b: u32, second: bool) -> u32 {
  if (isNan(a) || isNan(b)) { return quietNan; }
  return select(a, b, second);
}
fn isEqual(a: u32, b: u32) -> bool { return (a == b && !isNan(a)) || (isZero(a) && isZero(b)); }
fn isLess(a: u32, b: u32) -> bool {
  return !isNan(a) && !isNan(b) && orderOf(a) < orderOf(b) && !(isZero(a) && isZero(b));
}
`;

/** Expressions of `a` and `b`; `p` and `q` are i32. Arithmetic wraps modulo 2³². */
const integerOps: Partial<Record<BinaryOp, string>> = {
  add: "a + b",
  sub: "a - b",
  mul: "a * b",
  maximum: "bitcast<u32>(max(p, q))",
  minimum: "bitcast<u32>(min(p, q))",
  equal: "select(0u, 1u, a == b)",
  notEqual: "select(0u, 1u, a != b)",
  less: "select(0u, 1u, p < q)",
  lessEqual: "select(0u, 1u, p <= q)",
  greater: "select(0u, 1u, p > q)",
  greaterEqual: "select(0u, 1u, p >= q)",
  logicalAnd: "a & b",
  logicalOr: "a | b",
};

export function binary(engine: Engine, op: BinaryOp, a: Operand, b: Operand, out: Operand): void {
  map(engine, { op, key: `binary ${op}`, inputs: { a, b }, out, body: () => body(op, a) });
}

function body(op: BinaryOp, { dtype }: Operand): string {
  const type = dtype === "f32" ? "f32" : "i32";
  const needs = op === "div" ? quotient : op === "pow" ? power : comparisons;
  return `${dtype === "f32" ? floatBits + floatOfBits + needs : ""}
fn compute(a: u32, b: u32) -> u32 {
  let p = bitcast<${type}>(a);
  let q = bitcast<${type}>(b);
  return ${(dtype === "f32" ? floatOps : integerOps)[op]};
}
`;
}
