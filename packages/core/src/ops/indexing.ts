import { defineOp } from "../define-op.js";
import { DTypeError, OptionError, ShapeError } from "../errors.js";
import { formatShape, normalizeAxis, type Shape } from "../shape.js";
import { Tensor } from "../tensor.js";
import { zeros } from "./creation.js";

export const takeOp = defineOp<{ axis: number }>({
  name: "take",
  forward: ([x, indices], { axis }) => {
    if (indices!.dtype !== "i32") throw new DTypeError(`take: indices are ${indices!.dtype}, not i32`);
    const shape = [...x!.shape.slice(0, axis), ...indices!.shape, ...x!.shape.slice(axis + 1)];
    const out = Tensor.empty(x!.backend, shape, x!.dtype);
    x!.backend.kernels.gather(x!.operand, indices!.operand, axis, out.operand);
    return out;
  },
  vjp: ([g], { inputs: [x, indices], attributes: { axis } }) => [
    scatter(g!, indices!, axis, x!.shape),
    undefined,
  ],
});
/**
 * Slices of `x` along `axis` (default 0) at i32 `indices`; their shape replaces the axis. Indices outside read as NaN
 * (0, false).
 */
export const take = (x: Tensor, indices: Tensor, axis = 0): Tensor =>
  takeOp.apply([x, indices], { axis: normalizeAxis(axis, x.rank, "take") });

/** The adjoint of take: zeros of `shape` with slices of `x` added at `indices`. */
export const scatterOp = defineOp<{ axis: number; shape: Shape }>({
  name: "scatter",
  forward: ([x, indices], { axis, shape }) => {
    const out = zeros(shape, { dtype: x!.dtype, backend: x!.backend });
    x!.backend.kernels.scatterAdd(x!.operand, indices!.operand, axis, out.operand);
    return out;
  },
  vjp: ([g], { inputs: [, indices], attributes: { axis } }) => [take(g!, indices!, axis), undefined],
});
const scatter = (x: Tensor, indices: Tensor, axis: number, shape: Shape): Tensor =>
  scatterOp.apply([x, indices], { axis, shape });

export const argsortOp = defineOp<{ descending: boolean }>({
  name: "argsort",
  forward: ([x], options) => {
    if (x!.rank === 0) throw new ShapeError("argsort: a scalar has no axis to sort");
    const out = Tensor.empty(x!.backend, x!.shape, "i32");
    x!.backend.kernels.argsort(x!.operand, out.operand, options);
    return out;
  },
});
/** i32 positions that sort the last axis; stable; NaN counts as largest. */
export const argsort = (x: Tensor, options: { descending?: boolean } = {}): Tensor =>
  argsortOp.apply([x], { descending: options.descending ?? false });

export const smallestOp = defineOp<{ group: number; count: number }>({
  name: "smallest",
  forward: ([x], options) => {
    const out = Tensor.empty(x!.backend, x!.shape, "bool");
    x!.backend.kernels.smallest(x!.operand, out.operand, options);
    return out;
  },
});
/**
 * Marks the `count` smallest of every `group` consecutive elements of the last axis (default: of all of it), exactly;
 * among equals the lower index is marked first; NaN counts as largest. Returns bool.
 *
 * @throws ShapeError if `group` does not divide the last axis; OptionError if `count` is outside 0…group.
 */
export function smallest(x: Tensor, options: { count: number; group?: number }): Tensor {
  const last = x.shape.at(-1);
  const { count, group = last ?? 1 } = options;
  if (last === undefined || (last !== 0 && (!(group >= 1) || last % group !== 0))) {
    throw new ShapeError(
      `smallest: groups of ${group} do not divide the last axis of ${formatShape(x.shape)}`,
    );
  }
  if (!Number.isInteger(count) || count < 0 || count > group) {
    throw new OptionError(`smallest: count ${count} is outside 0…${group}`);
  }
  return smallestOp.apply([x], { group, count });
}
