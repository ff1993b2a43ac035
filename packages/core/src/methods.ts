import type { Backend } from "./backend.js";
import type { DType } from "./dtype.js";
import type { NestedNumbers } from "./ops/creation.js";
import type { TensorLike } from "./ops/elementwise.js";
import * as elementwise from "./ops/elementwise.js";
import { matmul } from "./ops/matmul.js";
import type { ReduceOptions } from "./ops/reduce.js";
import * as reduction from "./ops/reduce.js";
import type { Range } from "./ops/views.js";
import * as views from "./ops/views.js";
import type { Shape } from "./shape.js";
import { Tensor } from "./tensor.js";
import { toBackend, toNested } from "./transfer.js";

/** The operations of {@link Tensor} as methods; each is the function of the same name with `this` first. */
export interface TensorMethods {
  neg(): Tensor;
  abs(): Tensor;
  sign(): Tensor;
  exp(): Tensor;
  log(): Tensor;
  sqrt(): Tensor;
  rsqrt(): Tensor;
  reciprocal(): Tensor;
  square(): Tensor;
  tanh(): Tensor;
  sigmoid(): Tensor;
  sin(): Tensor;
  cos(): Tensor;
  floor(): Tensor;
  ceil(): Tensor;
  round(): Tensor;
  isFinite(): Tensor;
  logicalNot(): Tensor;
  add(other: TensorLike): Tensor;
  sub(other: TensorLike): Tensor;
  mul(other: TensorLike): Tensor;
  div(other: TensorLike): Tensor;
  pow(other: TensorLike): Tensor;
  maximum(other: TensorLike): Tensor;
  minimum(other: TensorLike): Tensor;
  equal(other: TensorLike): Tensor;
  notEqual(other: TensorLike): Tensor;
  less(other: TensorLike): Tensor;
  lessEqual(other: TensorLike): Tensor;
  greater(other: TensorLike): Tensor;
  greaterEqual(other: TensorLike): Tensor;
  logicalAnd(other: TensorLike): Tensor;
  logicalOr(other: TensorLike): Tensor;
  sum(options?: ReduceOptions): Tensor;
  mean(options?: ReduceOptions): Tensor;
  max(options?: ReduceOptions): Tensor;
  min(options?: ReduceOptions): Tensor;
  any(options?: ReduceOptions): Tensor;
  all(options?: ReduceOptions): Tensor;
  matmul(other: Tensor): Tensor;
  reshape(shape: Shape): Tensor;
  permute(axes: readonly number[]): Tensor;
  transpose(a?: number, b?: number): Tensor;
  expand(shape: Shape): Tensor;
  slice(...ranges: readonly Range[]): Tensor;
  squeeze(axes?: number | readonly number[]): Tensor;
  unsqueeze(axis: number): Tensor;
  contiguous(): Tensor;
  diagonal(): Tensor;
  cast(dtype: DType): Tensor;
  /** A copy on another backend (an alias on its own). */
  to(backend: Backend): Promise<Tensor>;
  /** Nested arrays of numbers (booleans for bool); a plain number for a scalar. */
  toNested(): Promise<NestedNumbers>;
}

const functions: Record<string, (x: Tensor, ...rest: never[]) => unknown> = {
  ...{ neg: elementwise.neg, abs: elementwise.abs, sign: elementwise.sign, exp: elementwise.exp },
  ...{ log: elementwise.log, sqrt: elementwise.sqrt, rsqrt: elementwise.rsqrt, square: elementwise.square },
  ...{ reciprocal: elementwise.reciprocal, tanh: elementwise.tanh, sigmoid: elementwise.sigmoid },
  ...{ sin: elementwise.sin, cos: elementwise.cos, floor: elementwise.floor, ceil: elementwise.ceil },
  ...{ round: elementwise.round, isFinite: elementwise.isFinite, logicalNot: elementwise.logicalNot },
  ...{ add: elementwise.add, sub: elementwise.sub, mul: elementwise.mul, div: elementwise.div },
  ...{ pow: elementwise.pow, maximum: elementwise.maximum, minimum: elementwise.minimum },
  ...{ equal: elementwise.equal, notEqual: elementwise.notEqual, less: elementwise.less },
  ...{
    lessEqual: elementwise.lessEqual,
    greater: elementwise.greater,
    greaterEqual: elementwise.greaterEqual,
  },
  ...{ logicalAnd: elementwise.logicalAnd, logicalOr: elementwise.logicalOr },
  ...{ sum: reduction.sum, mean: reduction.mean, max: reduction.max, min: reduction.min },
  ...{ any: reduction.any, all: reduction.all, matmul },
  ...{ reshape: views.reshape, permute: views.permute, transpose: views.transpose, expand: views.expand },
  ...{ slice: views.slice, squeeze: views.squeeze, unsqueeze: views.unsqueeze, contiguous: views.contiguous },
  ...{ diagonal: views.diagonal, cast: views.cast, to: toBackend, toNested },
};

/** Gives {@link Tensor} its methods; the package's index calls it once. */
export function installMethods(): void {
  for (const [name, call] of Object.entries(functions)) {
    Object.defineProperty(Tensor.prototype, name, {
      configurable: true,
      writable: true,
      value(this: Tensor, ...rest: never[]) {
        return call(this, ...rest);
      },
    });
  }
}
