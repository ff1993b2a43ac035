import type {
  BinaryOp,
  FusedKernels,
  ReduceOp,
  RequiredKernels,
  Sparse24Kernels,
  UnaryOp,
} from "@denoise-rotator/core";

/**
 * How far a result may lie from the exact one; bounds add up. Without any bound the result must be the correctly
 * rounded one. NaN equals only NaN; infinities need their sign.
 */
export interface Tolerance {
  /** Units in the last place of the exact result. */
  readonly ulps?: number;
  /** Multiples of the f32 rounding unit 2⁻²⁴ (f64: 2⁻⁵³), whatever the result's size. */
  readonly absolute?: number;
  /**
   * Multiples of the rounding unit times the size of what was added up, which the case states: n·Σ|terms| for sums
   * and products (no order of summation errs by more), the largest entry for solves and factorisations.
   */
  readonly scaled?: number;
  /** Whether the sign of a zero result is checked. */
  readonly signedZero?: boolean;
  /** Whether results below the smallest normal number may be off by that much (flushed to zero). */
  readonly flush?: boolean;
}

export type ToleranceName =
  | UnaryOp
  | BinaryOp
  | ReduceOp
  | keyof FusedKernels
  | keyof Sparse24Kernels
  | Exclude<keyof RequiredKernels, "unary" | "binary" | "reduce">;
export type Tolerances = Readonly<Record<ToleranceName, Tolerance>>;

const exact: Tolerance = { signedZero: true };
const compare: Tolerance = {};

/** What the suite demands of every kernel; `conformanceCases({ tolerances })` replaces single rows. */
export const tolerances: Tolerances = {
  // Moved or correctly rounded by IEEE 754.
  fill: exact,
  copy: exact,
  select: exact,
  gather: exact,
  neg: exact,
  abs: exact,
  sign: exact,
  floor: exact,
  ceil: exact,
  round: exact,
  square: exact,
  add: exact,
  sub: exact,
  mul: exact,
  maximum: exact,
  minimum: exact,
  // Correctly rounded on CPUs; GPUs divide by way of an approximate reciprocal.
  sqrt: { ulps: 3, signedZero: true },
  reciprocal: { ulps: 3, signedZero: true, flush: true },
  div: { ulps: 3, signedZero: true, flush: true },
  rsqrt: { ulps: 4 },
  // Transcendental functions, to what f32 polynomials give.
  exp: { ulps: 4, flush: true },
  log: { ulps: 4, absolute: 2 },
  tanh: { ulps: 8, flush: true },
  sigmoid: { ulps: 8, flush: true },
  sin: { absolute: 8 },
  cos: { absolute: 8 },
  // exp(b·ln a) multiplies the error of the logarithm by b.
  pow: { ulps: 64, flush: true },
  // Predicates.
  isFinite: compare,
  logicalNot: compare,
  logicalAnd: compare,
  logicalOr: compare,
  equal: compare,
  notEqual: compare,
  less: compare,
  lessEqual: compare,
  greater: compare,
  greaterEqual: compare,
  any: compare,
  all: compare,
  max: compare,
  min: compare,
  argsort: compare,
  smallest: compare,
  // Sums, in any order.
  sum: { scaled: 1 },
  scatterAdd: { scaled: 1 },
  matmul: { scaled: 1 },
  syrk: { scaled: 1 },
  sparse24Matmul: { scaled: 1 },
  sparse24Unpack: exact,
  // Solves and factorisations of well-conditioned matrices, against the largest entry.
  triangularSolve: { scaled: 16 },
  choleskyPanel: { scaled: 16 },
  qrPanel: { scaled: 16 },
  tridiagonalPanel: { scaled: 16 },
  // Fused kernels on ordinary values.
  softmax: { ulps: 96, flush: true },
  crossEntropy: { absolute: 96 },
  rmsNorm: { ulps: 96 },
  rope: { absolute: 32 },
  attention: { absolute: 256 },
  swiglu: { ulps: 32, flush: true },
  rowEntropy: { absolute: 256 },
  // Masks and what is kept of y are exact.
  prunedEnergy: { scaled: 4 },
  groupEntropy: { absolute: 1024, scaled: 1024 },
};
