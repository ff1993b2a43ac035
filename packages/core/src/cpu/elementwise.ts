import type { BinaryOp, Operand, UnaryOp } from "../backend.js";
import { load, store } from "./memory.js";

function roundHalfEven(x: number): number {
  const rounded = Math.round(x);
  return Math.abs(x % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

const unaryFunctions: Record<UnaryOp, (x: number) => number> = {
  neg: (x) => -x,
  abs: Math.abs,
  sign: Math.sign,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  reciprocal: (x) => 1 / x,
  square: (x) => x * x,
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  sin: Math.sin,
  cos: Math.cos,
  floor: Math.floor,
  ceil: Math.ceil,
  round: roundHalfEven,
  isFinite: (x) => (Number.isFinite(x) ? 1 : 0),
  logicalNot: (x) => (x ? 0 : 1),
};

const binaryFunctions: Record<BinaryOp, (a: number, b: number) => number> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  // IEEE 754: 1 to any power, and anything to the power 0, is 1.
  pow: (a, b) => (a === 1 ? 1 : a === -1 && Math.abs(b) === Number.POSITIVE_INFINITY ? 1 : a ** b),
  maximum: Math.max,
  minimum: Math.min,
  equal: (a, b) => (a === b ? 1 : 0),
  notEqual: (a, b) => (a !== b ? 1 : 0),
  less: (a, b) => (a < b ? 1 : 0),
  lessEqual: (a, b) => (a <= b ? 1 : 0),
  greater: (a, b) => (a > b ? 1 : 0),
  greaterEqual: (a, b) => (a >= b ? 1 : 0),
  logicalAnd: (a, b) => (a && b ? 1 : 0),
  logicalOr: (a, b) => (a || b ? 1 : 0),
};

const wrap = (name: string, dtype: string): ((a: number, b: number) => number) | undefined =>
  dtype !== "i32"
    ? undefined
    : {
        add: (a: number, b: number) => (a + b) | 0,
        sub: (a: number, b: number) => (a - b) | 0,
        mul: Math.imul,
      }[name];

export function unary(op: UnaryOp, x: Operand, out: Operand): void {
  const values = load(x);
  const f = unaryFunctions[op];
  for (let i = 0; i < values.length; i++) values[i] = f(values[i]!);
  if (out.dtype === "i32")
    for (let i = 0; i < values.length; i++) values[i] = wrapInteger(op, values[i]!, x, i);
  store(out, values);
}

/** i32 arithmetic wraps modulo 2³². */
function wrapInteger(op: UnaryOp, value: number, x: Operand, i: number): number {
  if (op !== "square" || Math.abs(value) <= Number.MAX_SAFE_INTEGER) return value | 0;
  const original = load(x)[i]!;
  return Math.imul(original, original);
}

export function binary(op: BinaryOp, a: Operand, b: Operand, out: Operand): void {
  const left = load(a);
  const right = load(b);
  const f = wrap(op, a.dtype) ?? binaryFunctions[op];
  for (let i = 0; i < left.length; i++) left[i] = f(left[i]!, right[i]!);
  store(out, left);
}

export function select(condition: Operand, a: Operand, b: Operand, out: Operand): void {
  const choose = load(condition);
  const left = load(a);
  const right = load(b);
  for (let i = 0; i < left.length; i++) if (!choose[i]) left[i] = right[i]!;
  store(out, left);
}
