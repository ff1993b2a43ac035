import type { ReduceOp } from "../backend.js";
import { defineOp, type OpDefinition } from "../define-op.js";
import { isFloat } from "../dtype.js";
import { DTypeError } from "../errors.js";
import { normalizeAxes, type Shape } from "../shape.js";
import { Tensor } from "../tensor.js";

export interface ReduceOptions {
  /** Axis or axes to reduce; default all. */
  readonly axis?: number | readonly number[];
  /** Keeps reduced axes with size 1; default false. */
  readonly keepDims?: boolean;
}

interface ReduceAttributes {
  readonly axes: readonly number[];
}

/** `shape` with the reduced axes as size 1. */
const keptShape = (shape: Shape, axes: readonly number[]) =>
  shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim));

function defineReduce(name: ReduceOp, derivative?: (g: Tensor, x: Tensor, y: Tensor) => Tensor) {
  const definition: OpDefinition<ReduceAttributes> = {
    name,
    forward: ([x], { axes }) => {
      const logical = name === "any" || name === "all";
      if (logical ? x!.dtype !== "bool" : !isFloat(x!.dtype) && x!.dtype !== "i32") {
        throw new DTypeError(`${name}: does not take ${x!.dtype}; cast first`);
      }
      if (axes.length === 0) return x!.view(x!);
      const shape = x!.shape.filter((_, axis) => !axes.includes(axis));
      const out = Tensor.empty(x!.backend, shape, x!.dtype);
      x!.backend.kernels.reduce(name, x!.operand, axes, out.operand);
      return out;
    },
  };
  if (derivative) {
    definition.vjp = ([g], { inputs: [x], outputs: [y], attributes: { axes } }) => {
      const shape = keptShape(x!.shape, axes);
      return [derivative(g!.reshape(shape), x!, y!.reshape(shape))];
    };
  }
  return defineOp(definition);
}

/** Every element that attains the extremum gets an equal share. */
function shareAmongWinners(axesOf: (x: Tensor, y: Tensor) => number[]) {
  return (g: Tensor, x: Tensor, y: Tensor): Tensor => {
    const won = x.equal(y).cast(g.dtype);
    return won.mul(g).div(won.sum({ axis: axesOf(x, y), keepDims: true }));
  };
}
const reducedAxes = (x: Tensor, y: Tensor) =>
  x.shape.flatMap((dim, axis) => (dim !== y.shape[axis] ? [axis] : []));

export const sumOp = defineReduce("sum", (g, x) => g.expand(x.shape));
export const maxOp = defineReduce("max", shareAmongWinners(reducedAxes));
export const minOp = defineReduce("min", shareAmongWinners(reducedAxes));
export const anyOp = defineReduce("any");
export const allOp = defineReduce("all");

const reducer =
  (op: typeof sumOp) =>
  (x: Tensor, options: ReduceOptions = {}): Tensor => {
    const axes = normalizeAxes(options.axis, x.rank, op.name);
    const reduced = op.apply([x], { axes });
    if (!options.keepDims) return reduced;
    const kept = reduced.reshape(keptShape(x.shape, axes));
    reduced.dispose();
    return kept;
  };
export const sum = reducer(sumOp);
/** NaN if any element is; of no elements −∞. */
export const max = reducer(maxOp);
export const min = reducer(minOp);
export const any = reducer(anyOp);
export const all = reducer(allOp);

/** Arithmetic mean over the reduced axes; NaN of no elements. */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  const axes = normalizeAxes(options.axis, x.rank, "mean");
  const count = axes.reduce((product, axis) => product * x.shape[axis]!, 1);
  const total = sum(x, options);
  const result = total.div(count);
  total.dispose();
  return result;
}
