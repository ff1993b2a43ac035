import { type BinaryOp, compareOps, logicalOps, type Operand, type UnaryOp } from "../backend.js";
import { defineOp, type OpDefinition } from "../define-op.js";
import { isFloat } from "../dtype.js";
import { DTypeError } from "../errors.js";
import { broadcastShapes, broadcastStrides, type Shape, sameShape } from "../shape.js";
import { Tensor } from "../tensor.js";
import { full } from "./creation.js";
import { sumTo } from "./views.js";

/** A number stands for a tensor of the other operand's dtype. */
export type TensorLike = Tensor | number;

type UnaryVjp = (g: Tensor, x: Tensor, y: Tensor) => Tensor;

function defineUnary(name: UnaryOp, derivative?: UnaryVjp) {
  const takesIntegers = ["neg", "abs", "sign", "square"].includes(name);
  const definition: OpDefinition<undefined> = {
    name,
    forward: ([x]) => {
      const integer = x!.dtype === "i32" && takesIntegers;
      const fits = name === "logicalNot" ? x!.dtype === "bool" : isFloat(x!.dtype) || integer;
      if (!fits) throw new DTypeError(`${name}: does not take ${x!.dtype}; cast first`);
      const dtype = name === "isFinite" ? "bool" : x!.dtype;
      const out = Tensor.empty(x!.backend, x!.shape, dtype);
      x!.backend.kernels.unary(name, x!.operand, out.operand);
      return out;
    },
  };
  if (derivative) definition.vjp = ([g], { inputs: [x], outputs: [y] }) => [derivative(g!, x!, y!)];
  return defineOp(definition);
}

const flat: UnaryVjp = (g) => g.mul(0);
const unary = {
  neg: defineUnary("neg", (g) => g.neg()),
  abs: defineUnary("abs", (g, x) => g.mul(x.sign())),
  sign: defineUnary("sign", flat),
  exp: defineUnary("exp", (g, _, y) => g.mul(y)),
  log: defineUnary("log", (g, x) => g.div(x)),
  sqrt: defineUnary("sqrt", (g, _, y) => g.div(y.mul(2))),
  rsqrt: defineUnary("rsqrt", (g, x, y) => g.mul(y).div(x).mul(-0.5)),
  reciprocal: defineUnary("reciprocal", (g, _, y) => g.mul(y.square()).neg()),
  square: defineUnary("square", (g, x) => g.mul(x).mul(2)),
  tanh: defineUnary("tanh", (g, _, y) => g.sub(g.mul(y.square()))),
  sigmoid: defineUnary("sigmoid", (g, _, y) => g.mul(y.sub(y.square()))),
  sin: defineUnary("sin", (g, x) => g.mul(x.cos())),
  cos: defineUnary("cos", (g, x) => g.mul(x.sin()).neg()),
  floor: defineUnary("floor", flat),
  ceil: defineUnary("ceil", flat),
  round: defineUnary("round", flat),
  isFinite: defineUnary("isFinite"),
  logicalNot: defineUnary("logicalNot"),
} as const;
export const unaryDefinitions = Object.values(unary);

const applyUnary = (name: UnaryOp) => (x: Tensor) => unary[name].apply([x], undefined);
export const neg = applyUnary("neg");
export const abs = applyUnary("abs");
/** −1, 0 or 1; keeps NaN and signed zeros. */
export const sign = applyUnary("sign");
export const exp = applyUnary("exp");
export const log = applyUnary("log");
export const sqrt = applyUnary("sqrt");
/** 1 / sqrt(x). */
export const rsqrt = applyUnary("rsqrt");
export const reciprocal = applyUnary("reciprocal");
export const square = applyUnary("square");
export const tanh = applyUnary("tanh");
export const sigmoid = applyUnary("sigmoid");
export const sin = applyUnary("sin");
export const cos = applyUnary("cos");
export const floor = applyUnary("floor");
export const ceil = applyUnary("ceil");
/** To the nearest integer, halves to even. */
export const round = applyUnary("round");
export const isFinite = applyUnary("isFinite");
export const logicalNot = applyUnary("logicalNot");

type BinaryVjp = (g: Tensor, a: Tensor, b: Tensor, y: Tensor) => readonly [() => Tensor, () => Tensor];

const isCompare = (name: BinaryOp) => (compareOps as readonly string[]).includes(name);
const isLogical = (name: BinaryOp) => (logicalOps as readonly string[]).includes(name);

/** `x` seen as if it had `shape`. */
const spread = (x: Tensor, shape: Shape): Operand =>
  sameShape(x.shape, shape)
    ? x.operand
    : { ...x.operand, shape, strides: broadcastStrides(x.shape, x.strides, shape) };

function defineBinary(name: BinaryOp, derivative?: BinaryVjp) {
  const compares = isCompare(name);
  const logical = isLogical(name);
  const definition: OpDefinition<undefined> = {
    name,
    forward: ([a, b]) => {
      checkBinaryDtypes(name, logical, a!, b!);
      const shape = sameShape(a!.shape, b!.shape) ? a!.shape : broadcastShapes(a!.shape, b!.shape, name);
      const out = Tensor.empty(a!.backend, shape, compares ? "bool" : a!.dtype);
      a!.backend.kernels.binary(name, spread(a!, shape), spread(b!, shape), out.operand);
      return out;
    },
  };
  if (derivative) {
    definition.vjp = ([g], { inputs: [a, b], outputs: [y], wanted }) => {
      const [left, right] = derivative(g!, a!, b!, y!);
      return [
        wanted[0] ? sumTo(left(), a!.shape) : undefined,
        wanted[1] ? sumTo(right(), b!.shape) : undefined,
      ];
    };
  }
  return defineOp(definition);
}

function checkBinaryDtypes(name: BinaryOp, logical: boolean, a: Tensor, b: Tensor): void {
  if (a.dtype !== b.dtype) throw new DTypeError(`${name}: dtypes ${a.dtype} and ${b.dtype} differ; cast one`);
  const fits = logical
    ? a.dtype === "bool"
    : isFloat(a.dtype) ||
      (a.dtype === "i32" && name !== "pow" && name !== "div") ||
      (a.dtype === "bool" && (name === "equal" || name === "notEqual"));
  if (!fits) throw new DTypeError(`${name}: does not take ${a.dtype}; cast first`);
}

/** Where two operands tie, `maximum` and `minimum` share the gradient equally. */
const share = (g: Tensor, won: Tensor, tied: Tensor) =>
  g.mul(won.cast(g.dtype).add(tied.cast(g.dtype).mul(0.5)));

const binary = {
  add: defineBinary("add", (g) => [() => g, () => g]),
  sub: defineBinary("sub", (g) => [() => g, () => g.neg()]),
  mul: defineBinary("mul", (g, a, b) => [() => g.mul(b), () => g.mul(a)]),
  div: defineBinary("div", (g, _, b, y) => [() => g.div(b), () => g.mul(y).div(b).neg()]),
  pow: defineBinary("pow", (g, a, b, y) => [
    () => where(b.equal(0), 0, g.mul(b).mul(a.pow(b.sub(1)))),
    () => where(y.equal(0), 0, g.mul(y).mul(a.log())),
  ]),
  maximum: defineBinary("maximum", (g, a, b) => [
    () => share(g, a.greater(b), a.equal(b)),
    () => share(g, b.greater(a), a.equal(b)),
  ]),
  minimum: defineBinary("minimum", (g, a, b) => [
    () => share(g, a.less(b), a.equal(b)),
    () => share(g, b.less(a), a.equal(b)),
  ]),
  equal: defineBinary("equal"),
  notEqual: defineBinary("notEqual"),
  less: defineBinary("less"),
  lessEqual: defineBinary("lessEqual"),
  greater: defineBinary("greater"),
  greaterEqual: defineBinary("greaterEqual"),
  logicalAnd: defineBinary("logicalAnd"),
  logicalOr: defineBinary("logicalOr"),
} as const;
export const binaryDefinitions = Object.values(binary);

/** Tensors from operands of which one may be a number; `made` are those to dispose of. */
function lift(values: readonly TensorLike[], name: string): { tensors: Tensor[]; made: Tensor[] } {
  const like = values.find((value): value is Tensor => value instanceof Tensor);
  if (!like) throw new DTypeError(`${name}: one operand must be a tensor`);
  const made: Tensor[] = [];
  const tensors = values.map((value) => {
    if (value instanceof Tensor) return value;
    const constant = full([], value, { dtype: like.dtype, backend: like.backend });
    made.push(constant);
    return constant;
  });
  return { tensors, made };
}

function applyBinary(name: BinaryOp) {
  return (a: TensorLike, b: TensorLike): Tensor => {
    if (a instanceof Tensor && b instanceof Tensor) return binary[name].apply([a, b], undefined);
    const { tensors, made } = lift([a, b], name);
    try {
      return binary[name].apply(tensors, undefined);
    } finally {
      for (const constant of made) constant.dispose();
    }
  };
}
export const add = applyBinary("add");
export const sub = applyBinary("sub");
export const mul = applyBinary("mul");
export const div = applyBinary("div");
export const pow = applyBinary("pow");
/** NaN if either is. */
export const maximum = applyBinary("maximum");
export const minimum = applyBinary("minimum");
export const equal = applyBinary("equal");
export const notEqual = applyBinary("notEqual");
export const less = applyBinary("less");
export const lessEqual = applyBinary("lessEqual");
export const greater = applyBinary("greater");
export const greaterEqual = applyBinary("greaterEqual");
export const logicalAnd = applyBinary("logicalAnd");
export const logicalOr = applyBinary("logicalOr");

export const whereOp = defineOp({
  name: "where",
  forward: ([condition, a, b]) => {
    if (condition!.dtype !== "bool")
      throw new DTypeError(`where: the condition is ${condition!.dtype}, not bool`);
    if (a!.dtype !== b!.dtype)
      throw new DTypeError(`where: dtypes ${a!.dtype} and ${b!.dtype} differ; cast one`);
    const shape = broadcastShapes(condition!.shape, broadcastShapes(a!.shape, b!.shape, "where"), "where");
    const out = Tensor.empty(a!.backend, shape, a!.dtype);
    a!.backend.kernels.select(spread(condition!, shape), spread(a!, shape), spread(b!, shape), out.operand);
    return out;
  },
  vjp: ([g], { inputs: [condition, a, b], wanted }) => [
    undefined,
    wanted[1] ? sumTo(where(condition!, g!, 0), a!.shape) : undefined,
    wanted[2] ? sumTo(where(condition!, 0, g!), b!.shape) : undefined,
  ],
});
/** `condition ? a : b`, broadcast; `condition` is bool. */
export function where(condition: Tensor, a: TensorLike, b: TensorLike): Tensor {
  const { tensors, made } = lift([a, b], "where");
  try {
    return whereOp.apply([condition, ...tensors], undefined);
  } finally {
    for (const constant of made) constant.dispose();
  }
}
