import {
  argsort,
  attention,
  type Backend,
  compareOps,
  compressSparse24,
  concat,
  crossEntropy,
  diagonalMatrix,
  entropy,
  grad,
  gram,
  logSumExp,
  ones,
  type Random,
  rmsNorm,
  rope,
  Sparse24Weight,
  smallest,
  softmax,
  sparse24Matmul,
  swiglu,
  type Tensor,
  take,
  type UnaryOp,
  valueAndGrad,
  where,
  zeros,
} from "@denoise-rotator/core";
import { booleans, tied, type Values } from "../values.js";
import type { OpInput, OpRow } from "./op-row.js";

const between =
  (low: number, high: number): Values =>
  (random: Random) =>
    low + (high - low) * random.next();
const positive = between(0.3, 2.5);
const awayFromZero: Values = (random) => positive(random) * (random.integer(2) ? 1 : -1);

const floats = (shape: readonly number[], values?: Values): OpInput => ({
  shape,
  ...(values ? { values } : {}),
});
const constant = (shape: readonly number[], values: Values): OpInput => ({ shape, values, constant: true });
const indices = (shape: readonly number[], below: number): OpInput => ({
  shape,
  dtype: "i32",
  values: (random) => random.integer(below),
});
const flags = (shape: readonly number[]): OpInput => ({ shape, dtype: "bool", values: booleans });

const unaryDomains = {
  neg: undefined,
  abs: awayFromZero,
  sign: awayFromZero,
  exp: undefined,
  log: positive,
  sqrt: positive,
  rsqrt: positive,
  reciprocal: awayFromZero,
  square: undefined,
  tanh: undefined,
  sigmoid: undefined,
  sin: undefined,
  cos: undefined,
  floor: undefined,
  ceil: undefined,
  round: undefined,
} satisfies Partial<Record<UnaryOp, Values | undefined>>;

const unaryRows: OpRow[] = Object.entries(unaryDomains).map(([name, values]) => ({
  name,
  inputs: [floats([3, 4], values)],
  apply: (x) => x[name as keyof typeof unaryDomains](),
}));

const binaryDomains = {
  add: [undefined, undefined],
  sub: [undefined, undefined],
  mul: [undefined, undefined],
  div: [undefined, awayFromZero],
  pow: [positive, undefined],
  maximum: [undefined, undefined],
  minimum: [undefined, undefined],
} as const;

const binaryRows: OpRow[] = Object.entries(binaryDomains).flatMap(([name, [left, right]]) => {
  const apply = (a: Tensor, b: Tensor) => a[name as keyof typeof binaryDomains](b);
  return [
    { name, inputs: [floats([2, 3], left), floats([2, 3], right)], apply },
    { name, variant: "broadcast", inputs: [floats([2, 1, 3], left), floats([4, 1], right)], apply },
  ];
});

const predicateRows: OpRow[] = [
  { name: "isFinite", inputs: [constant([9], tied)], apply: (x) => x.isFinite() },
  { name: "logicalNot", inputs: [flags([5])], apply: (x) => x.logicalNot() },
  ...compareOps.map((name) => ({
    name,
    inputs: [constant([4, 3], tied), constant([3], tied)],
    apply: (a: Tensor, b: Tensor) => a[name](b),
  })),
  ...(["logicalAnd", "logicalOr"] as const).map((name) => ({
    name,
    inputs: [flags([4, 3]), flags([3])],
    apply: (a: Tensor, b: Tensor) => a[name](b),
  })),
  { name: "any", inputs: [flags([4, 3])], apply: (x) => x.any({ axis: 1 }) },
  { name: "all", inputs: [flags([4, 3])], apply: (x) => x.all({ axis: 0 }) },
  { name: "argsort", inputs: [constant([3, 7], tied)], apply: (x) => argsort(x) },
  {
    name: "smallest",
    inputs: [constant([2, 8], tied)],
    apply: (x) => smallest(x, { group: 4, count: 2 }),
  },
];

const reduceRows: OpRow[] = (["sum", "max", "min"] as const).flatMap((name) => [
  { name, variant: "one axis", inputs: [floats([2, 3, 4])], apply: (x: Tensor) => x[name]({ axis: 1 }) },
  {
    name,
    variant: "two axes, kept",
    inputs: [floats([2, 3, 4])],
    apply: (x: Tensor) => x[name]({ axis: [0, 2], keepDims: true }),
  },
  { name, variant: "everything", inputs: [floats([5])], apply: (x: Tensor) => x[name]() },
]);

const viewRows: OpRow[] = [
  // `identity` stands at the entry of every gradient.
  { name: "identity", inputs: [floats([3])], apply: (x) => valueAndGrad((y) => y.square().sum())(x).value },
  { name: "contiguous", inputs: [floats([2, 3])], apply: (x) => x.transpose().contiguous() },
  { name: "reshape", inputs: [floats([2, 6])], apply: (x) => x.reshape([3, 4]) },
  {
    name: "reshape",
    variant: "with a copy",
    inputs: [floats([2, 6])],
    apply: (x) => x.transpose().reshape([4, 3]),
  },
  { name: "permute", inputs: [floats([2, 3, 4])], apply: (x) => x.permute([2, 0, 1]) },
  { name: "expand", inputs: [floats([3, 1])], apply: (x) => x.expand([2, 3, 4]) },
  { name: "slice", inputs: [floats([5, 6])], apply: (x) => x.slice([1, 4], [0, 6, 2]) },
  {
    name: "embed",
    inputs: [floats([2, 3])],
    apply: (g) =>
      grad((x) => x.slice([1, 3]).mul(g).sum())(zeros([4, 3], { dtype: g.dtype, backend: g.backend })),
  },
  { name: "concat", inputs: [floats([2, 3]), floats([2, 1])], apply: (a, b) => concat([a, b, a], 1) },
  // f32 rounds, so the difference takes a wide step: a cast is linear but for that.
  {
    name: "cast",
    inputs: [floats([3, 2])],
    apply: (x) => x.cast("f32"),
    step: 0.5,
    tolerance: 1e-5,
  },
  { name: "diagonal", inputs: [floats([4, 4])], apply: (x) => x.diagonal() },
  { name: "diagonalMatrix", inputs: [floats([4])], apply: (x) => diagonalMatrix(x) },
  {
    name: "where",
    inputs: [flags([2, 3]), floats([3]), floats([2, 1])],
    apply: (c, a, b) => where(c, a, b),
  },
];

const indexingRows: OpRow[] = [
  { name: "take", inputs: [floats([4, 3]), indices([2, 3], 4)], apply: (x, at) => take(x, at) },
  {
    name: "take",
    variant: "axis 1",
    inputs: [floats([3, 4]), indices([5], 4)],
    apply: (x, at) => take(x, at, 1),
  },
  {
    name: "scatter",
    inputs: [floats([5, 3]), indices([5], 4)],
    apply: (g, at) =>
      grad((x) => take(x, at).mul(g).sum())(zeros([4, 3], { dtype: g.dtype, backend: g.backend })),
  },
];

const matmulRows: OpRow[] = [
  { name: "matmul", inputs: [floats([3, 4]), floats([4, 2])], apply: (a, b) => a.matmul(b) },
  {
    name: "matmul",
    variant: "transposed",
    inputs: [floats([4, 3]), floats([2, 4])],
    apply: (a, b) => a.transpose().matmul(b.transpose()),
  },
  {
    name: "matmul",
    variant: "broadcast batches",
    inputs: [floats([2, 1, 3, 4]), floats([3, 4, 2])],
    apply: (a, b) => a.matmul(b),
  },
  { name: "gram", inputs: [floats([5, 3])], apply: (x) => gram(x) },
];

const attentionInputs = [floats([1, 4, 3, 2]), floats([1, 2, 3, 2]), floats([1, 2, 3, 2])];
const networkRows: OpRow[] = [
  { name: "softmax", inputs: [floats([3, 5])], apply: (x) => softmax(x) },
  {
    name: "crossEntropy",
    inputs: [floats([4, 5]), indices([4], 5)],
    apply: (x, targets) => crossEntropy(x, targets),
  },
  {
    name: "rmsNorm",
    inputs: [floats([2, 3, 4]), floats([4])],
    apply: (x, gain) => rmsNorm(x, gain, 1e-5),
  },
  {
    name: "rope",
    inputs: [floats([2, 3, 4]), constant([3, 2], between(-1, 1)), constant([3, 2], between(-1, 1))],
    apply: (x, cosine, sine) => rope(x, cosine, sine),
  },
  { name: "swiglu", inputs: [floats([3, 4]), floats([3, 4])], apply: (gate, up) => swiglu(gate, up) },
  { name: "rowEntropy", inputs: [floats([3, 5], positive)], apply: (x) => entropy(x) },
  { name: "logSumExp", inputs: [floats([3, 5])], apply: (x) => logSumExp(x) },
  { name: "attention", variant: "causal", inputs: attentionInputs, apply: (q, k, v) => attention(q, k, v) },
  {
    name: "attention",
    variant: "all keys",
    inputs: attentionInputs,
    apply: (q, k, v) => attention(q, k, v, { causal: false, scale: 0.5 }),
  },
];

/** W `[4, 8]`. */
const sparseWeight = (backend: Backend): Sparse24Weight => {
  const W = Float32Array.from({ length: 32 }, (_, at) => ((at + (at >> 3)) % 4 < 2 ? (at % 7) - 3.5 : 0));
  return Sparse24Weight.pack(compressSparse24(W, [4, 8])!, backend);
};

const sparseRows: OpRow[] = [
  {
    name: "sparse24Matmul",
    inputs: [floats([3, 8])],
    apply: (x) => {
      using weight = sparseWeight(x.backend);
      return sparse24Matmul(x, weight);
    },
  },
  {
    // The adjoint, as the gradient of a product.
    name: "sparse24Transposed",
    inputs: [floats([2, 3, 4])],
    apply: (y) => {
      using weight = sparseWeight(y.backend);
      const x = ones([2, 3, 8], { dtype: y.dtype, backend: y.backend });
      return grad((x) => sparse24Matmul(x, weight).mul(y).sum())(x);
    },
  },
];

/** Every op of core (`coreOps`), and what core composes of them for networks. */
export const coreOpTable: readonly OpRow[] = [
  ...unaryRows,
  ...binaryRows,
  ...predicateRows,
  ...reduceRows,
  ...viewRows,
  ...indexingRows,
  ...matmulRows,
  ...networkRows,
  ...sparseRows,
];
