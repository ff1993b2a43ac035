import type { OpDefinition } from "./define-op.js";
import { binaryDefinitions, unaryDefinitions, whereOp } from "./ops/elementwise.js";
import { argsortOp, scatterOp, smallestOp, takeOp } from "./ops/indexing.js";
import { matmulOp } from "./ops/matmul.js";
import { crossEntropyOp, gramOp, rmsNormOp, ropeOp, rowEntropyOp, softmaxOp, swigluOp } from "./ops/nn.js";
import { allOp, anyOp, maxOp, minOp, sumOp } from "./ops/reduce.js";
import { sparse24MatmulOp, sparse24TransposedOp } from "./ops/sparse24.js";
import {
  castOp,
  concatOp,
  contiguousOp,
  diagonalMatrixOp,
  diagonalOp,
  embedOp,
  expandOp,
  identityOp,
  permuteOp,
  reshapeOp,
  sliceOp,
} from "./ops/views.js";

/** Every operation core defines: what a gradient check has to walk. */
export const coreOps: readonly OpDefinition<never>[] = [
  ...unaryDefinitions,
  ...binaryDefinitions,
  whereOp,
  ...[sumOp, maxOp, minOp, anyOp, allOp],
  ...[identityOp, contiguousOp, reshapeOp, permuteOp, expandOp, sliceOp, embedOp, concatOp, castOp],
  ...[diagonalOp, diagonalMatrixOp, matmulOp, takeOp, scatterOp, argsortOp, smallestOp],
  ...[sparse24MatmulOp, sparse24TransposedOp],
  ...[softmaxOp, crossEntropyOp, rmsNormOp, ropeOp, swigluOp, rowEntropyOp, gramOp],
] as readonly OpDefinition<never>[];
