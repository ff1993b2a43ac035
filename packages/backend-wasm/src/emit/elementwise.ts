import type { BinaryOp, UnaryOp } from "@denoise-rotator/core";
import { f32x4, i8x16, i32x4, type V128, v128 } from "../assembler/expressions.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";
import { each, keep, type Lanewise } from "./bundle.js";
import { defineMap, type Lanes } from "./map.js";
import { fromFloat16, sign, toBFloat16, toFloat16 } from "./math.js";
import { exp, log, sigmoid, tanh } from "./transcendental.js";

const pure1 = (op: (x: V128) => V128): Lanewise => each((_m, _f, x) => op(x));
const pure2 = (op: (a: V128, b: V128) => V128): Lanewise => each((_m, _f, a, b) => op(a, b));
const identity = pure1((x) => x);

/** Operations with a kernel; `sin` and `cos` run on the host. */
export const unaryF32: Partial<Record<UnaryOp, Lanewise>> = {
  neg: pure1(f32x4.neg),
  abs: pure1(f32x4.abs),
  sign: each(sign),
  exp,
  log,
  sqrt: pure1(f32x4.sqrt),
  rsqrt: each((m, _f, x) => f32x4.div(m.f32(1), f32x4.sqrt(x))),
  reciprocal: each((m, _f, x) => f32x4.div(m.f32(1), x)),
  square: each((_m, f, x) => {
    const value = f.let(x);
    return f32x4.mul(value, value);
  }),
  tanh,
  sigmoid,
  floor: pure1(f32x4.floor),
  ceil: pure1(f32x4.ceil),
  round: pure1(f32x4.nearest),
};

export const unaryI32: Partial<Record<UnaryOp, Lanewise>> = {
  neg: pure1(i32x4.neg),
  abs: pure1(i32x4.abs),
  sign: each((m, _f, x) => i32x4.maxS(i32x4.minS(x, m.i32(1)), m.i32(-1))),
  square: each((_m, f, x) => {
    const value = f.let(x);
    return i32x4.mul(value, value);
  }),
  floor: identity,
  ceil: identity,
  round: identity,
};

/** `pow` runs on the host. */
export const binaryF32: Partial<Record<BinaryOp, Lanewise>> = {
  add: pure2(f32x4.add),
  sub: pure2(f32x4.sub),
  mul: pure2(f32x4.mul),
  div: pure2(f32x4.div),
  maximum: pure2(f32x4.max),
  minimum: pure2(f32x4.min),
};

export const binaryI32: Partial<Record<BinaryOp, Lanewise>> = {
  add: pure2(i32x4.add),
  sub: pure2(i32x4.sub),
  mul: pure2(i32x4.mul),
  maximum: pure2(i32x4.maxS),
  minimum: pure2(i32x4.minS),
};

const compareF32: Partial<Record<BinaryOp, Lanewise>> = {
  equal: pure2(f32x4.eq),
  notEqual: pure2(f32x4.ne),
  less: pure2(f32x4.lt),
  lessEqual: pure2(f32x4.le),
  greater: pure2(f32x4.gt),
  greaterEqual: pure2(f32x4.ge),
};

const compareI32: Partial<Record<BinaryOp, Lanewise>> = {
  equal: pure2(i32x4.eq),
  notEqual: pure2(i32x4.ne),
  less: pure2(i32x4.ltS),
  lessEqual: pure2(i32x4.leS),
  greater: pure2(i32x4.gtS),
  greaterEqual: pure2(i32x4.geS),
};

const bit = (m: ModuleBuilder, mask: V128): V128 => v128.and(mask, m.i32(0x01010101));
const truth = (x: V128): V128 => i8x16.ne(x, v128.zero);
const bool = (op: (a: V128, b: V128) => V128): Lanewise =>
  each((m, _f, a, b) => bit(m, op(truth(a), truth(b))));

/** On bool bytes, each 0 or not. */
const binaryBool: Partial<Record<BinaryOp, Lanewise>> = {
  logicalAnd: bool(v128.and),
  logicalOr: bool(v128.or),
  maximum: bool(v128.or),
  minimum: bool(v128.and),
  equal: bool(i8x16.eq),
  notEqual: bool(v128.xor),
  less: bool((a, b) => v128.andnot(b, a)),
  lessEqual: bool((a, b) => v128.or(v128.not(a), b)),
  greater: bool((a, b) => v128.andnot(a, b)),
  greaterEqual: bool((a, b) => v128.or(a, v128.not(b))),
};

/** Casts with a kernel of their own, named `cast_from_to`; the others go through f32. */
const casts: Readonly<Record<string, { from: Lanes; to: Lanes; apply: Lanewise }>> = {
  f32_i32: { from: "word", to: "word", apply: pure1(i32x4.truncSatF32x4S) },
  f32_bool: { from: "word", to: "flag", apply: pure1((x) => f32x4.ne(x, v128.zero)) },
  f32_f16: { from: "word", to: "half", apply: each(toFloat16) },
  f32_bf16: { from: "word", to: "half", apply: each(toBFloat16) },
  i32_f32: { from: "word", to: "word", apply: pure1(f32x4.convertI32x4S) },
  i32_bool: { from: "word", to: "flag", apply: pure1((x) => i32x4.ne(x, v128.zero)) },
  bool_f32: { from: "flag", to: "word", apply: each((m, _f, x) => v128.and(x, m.f32(1))) },
  bool_i32: { from: "flag", to: "word", apply: each((m, _f, x) => v128.and(x, m.i32(1))) },
  f16_f32: { from: "half", to: "word", apply: each(fromFloat16) },
  bf16_f32: { from: "half", to: "word", apply: pure1((x) => i32x4.shl(x, 16)) },
};
export const hasCast = (from: string, to: string): boolean => `${from}_${to}` in casts;

/** Casts of 16-bit floats to f32 alone, for a module that has no other maps. */
export function defineHalfCasts(m: ModuleBuilder): void {
  for (const name of ["f16_f32", "bf16_f32"]) {
    const { from, to, apply } = casts[name]!;
    defineMap(m, { name: `cast_${name}`, inputs: [from], output: to, apply });
  }
}

type Entries<T> = [string, T][];
const entries = <T>(record: Partial<Record<string, T>>) => Object.entries(record) as Entries<T>;

/** Every map: unary and binary operations, selections, casts, and plain copies by element width. */
export function defineElementwise(m: ModuleBuilder): void {
  for (const [dtype, table] of [
    ["f32", unaryF32],
    ["i32", unaryI32],
  ] as const) {
    for (const [op, apply] of entries<Lanewise>(table)) {
      defineMap(m, { name: `${op}_${dtype}`, inputs: ["word"], output: "word", apply });
    }
  }
  const isFinite = each((_m, _f, x) => f32x4.lt(f32x4.abs(x), m.f32(Number.POSITIVE_INFINITY)));
  defineMap(m, { name: "isFinite_f32", inputs: ["word"], output: "flag", apply: isFinite });
  const not = pure1((x) => bit(m, v128.not(truth(x))));
  defineMap(m, { name: "logicalNot_bool", inputs: ["byte"], output: "byte", apply: not });
  for (const [dtype, lanes, output, table] of [
    ["f32", "word", "word", binaryF32],
    ["i32", "word", "word", binaryI32],
    ["f32", "word", "flag", compareF32],
    ["i32", "word", "flag", compareI32],
    ["bool", "byte", "byte", binaryBool],
  ] as const) {
    for (const [op, apply] of entries<Lanewise>(table)) {
      defineMap(m, { name: `${op}_${dtype}`, inputs: [lanes, lanes], output, apply });
    }
  }
  const swiglu: Lanewise = (_m, f, gate, up) => {
    const s = sigmoid(m, f, gate);
    return keep(f, gate, (x, i) => f32x4.mul(f32x4.mul(x, s[i]!), up[i]!));
  };
  defineMap(m, { name: "swiglu", inputs: ["word", "word"], output: "word", apply: swiglu });
  const pick = (mask: (c: V128) => V128) => each((_m, _f, c, a, b) => v128.bitselect(a, b, mask(c)));
  defineMap(m, { name: "select4", inputs: ["flag", "word", "word"], output: "word", apply: pick((c) => c) });
  defineMap(m, { name: "select2", inputs: ["flag", "half", "half"], output: "half", apply: pick((c) => c) });
  defineMap(m, { name: "select1", inputs: ["byte", "byte", "byte"], output: "byte", apply: pick(truth) });
  for (const [name, { from, to, apply }] of entries(casts)) {
    defineMap(m, { name: `cast_${name}`, inputs: [from], output: to, apply });
  }
  for (const [width, lanes] of [
    [4, "word"],
    [2, "short"],
    [1, "byte"],
  ] as const) {
    defineMap(m, { name: `copy${width}`, inputs: [lanes], output: lanes, apply: identity });
  }
}
