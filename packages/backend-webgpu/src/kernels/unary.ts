import type { Operand, UnaryOp } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";
import { floatBits, floatOfBits } from "../wgsl/bits.js";
import { cosine, exponential, hyperbolicTangent, logarithm, quotient, sigmoid, sine } from "../wgsl/math.js";
import { map } from "./map.js";

/** Expressions of the bits `x`; `v` is the float. */
const floatOps: Readonly<Record<UnaryOp, readonly [expression: string, needs?: string]>> = {
  neg: ["x ^ 0x80000000u"],
  abs: ["x & 0x7fffffffu"],
  sign: ["select((x & 0x80000000u) | 0x3f800000u, x, isNan(x) || isZero(x))"],
  square: ["bitcast<u32>(v * v)"],
  floor: ["integral(x, floor(v))"],
  ceil: ["integral(x, ceil(v))"],
  round: ["integral(x, round(v))"],
  isFinite: ["select(1u, 0u, isNonFinite(x))"],
  logicalNot: ["x ^ 1u"],
  exp: ["exponential(x)", exponential],
  log: ["logarithm(x)", logarithm],
  sqrt: ["squareRoot(x)"],
  rsqrt: ["reciprocalRoot(x)"],
  reciprocal: ["quotient(0x3f800000u, x)", quotient],
  tanh: ["hyperbolicTangent(x)", hyperbolicTangent],
  sigmoid: ["sigmoid(x)", sigmoid],
  sin: ["sine(x)", sine],
  cos: ["cosine(x)", cosine],
};

/** From 2^23 on floats are integers; the result has the sign of x, zero included. */
const rounding = /* wgsl */ `
fn integral(x: u32, rounded: f32) -> u32 {
  if ((x & 0x7fffffffu) >= 0x4b000000u) { return x; }
  return bitcast<u32>(rounded) | (x & 0x80000000u);
}
`;
const roots = /* wgsl */ `
fn squareRoot(x: u32) -> u32 {
  if (isZero(x) || isNan(x) || x == infinity) { return x; }
  if ((x >> 31u) == 1u) { return quietNan; }
  return bitcast<u32>(sqrt(bitcast<f32>(x)));
}
fn reciprocalRoot(x: u32) -> u32 {
  if (isNan(x)) { return x; }
  if (isZero(x)) { return (x & 0x80000000u) | infinity; }
  if ((x >> 31u) == 1u) { return quietNan; }
  if (x == infinity) { return 0u; }
  return bitcast<u32>(1.0 / sqrt(bitcast<f32>(x)));
}
`;
const extras: Partial<Record<UnaryOp, string>> = {
  floor: rounding,
  ceil: rounding,
  round: rounding,
  sqrt: roots,
  rsqrt: roots,
};

/** Integers wrap modulo 2³². */
const integerOps: Partial<Record<UnaryOp, string>> = {
  neg: "~x + 1u",
  abs: "select(x, ~x + 1u, (x >> 31u) == 1u)",
  sign: "bitcast<u32>(sign(bitcast<i32>(x)))",
  square: "x * x",
};

export function unary(engine: Engine, op: UnaryOp, x: Operand, out: Operand): void {
  map(engine, { op, key: `unary ${op}`, inputs: { x }, out, body: () => body(op, x) });
}

function body(op: UnaryOp, x: Operand): string {
  const integer = x.dtype === "i32" ? integerOps[op] : undefined;
  if (integer) return `fn compute(x: u32) -> u32 { return ${integer}; }\n`;
  const [expression, needs = ""] = floatOps[op];
  return `${floatBits}${floatOfBits}${needs}${extras[op] ?? ""}
fn compute(x: u32) -> u32 {
  let v = bitcast<f32>(x);
  return ${expression};
}
`;
}
