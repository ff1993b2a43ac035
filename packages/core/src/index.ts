import { installMethods } from "./methods.js";

installMethods();

export * from "./backend.js";
export { breathe } from "./breathe.js";
export { coreOps } from "./core-ops.js";
export * from "./cpu/index.js";
export { defaultBackend, setDefaultBackend } from "./default-backend.js";
export { defineOp, type Op, type OpDefinition, type VjpContext } from "./define-op.js";
export * from "./dtype.js";
export { editDistance } from "./edit-distance.js";
export * from "./errors.js";
export { assertFinite, assertFiniteValues } from "./finite.js";
export { countMatmul, matmulFlops } from "./flops.js";
export { grad, type ValueAndGrads, valueAndGrad } from "./grad.js";
export * from "./half.js";
export {
  type GroupEntropies,
  groupEntropyInto,
  type PrunedEnergyIntoOptions,
  prunedEnergyInto,
  type Scaled,
  smallestInBlocks,
} from "./importance.js";
export * from "./into.js";
export type { TensorMethods } from "./methods.js";
export {
  arange,
  type CreationOptions,
  eye,
  fromArray,
  fromTyped,
  full,
  type NestedNumbers,
  ones,
  tensor,
  zeros,
} from "./ops/creation.js";
export {
  abs,
  add,
  ceil,
  cos,
  div,
  equal,
  exp,
  floor,
  greater,
  greaterEqual,
  isFinite,
  less,
  lessEqual,
  log,
  logicalAnd,
  logicalNot,
  logicalOr,
  maximum,
  minimum,
  mul,
  neg,
  notEqual,
  pow,
  reciprocal,
  round,
  rsqrt,
  sigmoid,
  sign,
  sin,
  sqrt,
  square,
  sub,
  type TensorLike,
  tanh,
  where,
} from "./ops/elementwise.js";
export { argsort, smallest, take } from "./ops/indexing.js";
export { matmul } from "./ops/matmul.js";
export {
  attention,
  crossEntropy,
  entropy,
  gram,
  logSoftmax,
  logSumExp,
  rmsNorm,
  rope,
  silu,
  softmax,
  swiglu,
} from "./ops/nn.js";
export { all, any, max, mean, min, type ReduceOptions, sum } from "./ops/reduce.js";
export { sparse24Matmul } from "./ops/sparse24.js";
export {
  cast,
  concat,
  contiguous,
  diagonal,
  diagonalMatrix,
  expand,
  permute,
  type Range,
  reshape,
  slice,
  squeeze,
  stack,
  transpose,
  unsqueeze,
} from "./ops/views.js";
export { philox, Random } from "./random.js";
export { reclaimedTensors } from "./safety-net.js";
export { tidy } from "./scope.js";
export * from "./shape.js";
export {
  compressSparse24,
  type Sparse24DType,
  type Sparse24Parts,
} from "./sparse24/parts.js";
export { shareSparse24 } from "./sparse24/share.js";
export { Sparse24Weight } from "./sparse24/weight.js";
export { suggest } from "./suggest.js";
export { isTracked } from "./tape.js";
export { type Layout, Tensor } from "./tensor.js";
export { item, toNumbers } from "./transfer.js";
