import { defineOp } from "../define-op.js";
import { type DType, isHalf } from "../dtype.js";
import { DTypeError, ShapeError } from "../errors.js";
import {
  broadcastShapes,
  broadcastStrides,
  contiguousStrides,
  formatShape,
  normalizeAxes,
  normalizeAxis,
  reshapeStrides,
  type Shape,
  sameShape,
  sizeOf,
} from "../shape.js";
import { Tensor } from "../tensor.js";
import { zeros } from "./creation.js";

/** A new value over the same elements. */
export const identityOp = defineOp({
  name: "identity",
  forward: ([x]) => x!.view(x!),
  vjp: ([g]) => [g!.alias()],
});
export const identity = (x: Tensor): Tensor => identityOp.apply([x], undefined);

function dense(x: Tensor): Tensor {
  const out = Tensor.empty(x.backend, x.shape, x.dtype);
  x.backend.kernels.copy(x.operand, out.operand);
  return out;
}

export const contiguousOp = defineOp({
  name: "contiguous",
  forward: ([x]) => (x!.isContiguous ? x!.view(x!) : dense(x!)),
  vjp: ([g]) => [g!.alias()],
});
/** Row-major without gaps: a copy only where needed. */
export const contiguous = (x: Tensor): Tensor => contiguousOp.apply([x], undefined);

export const reshapeOp = defineOp<{ shape: Shape }>({
  name: "reshape",
  forward: ([x], { shape }) => {
    const strides = reshapeStrides(x!.shape, x!.strides, shape);
    if (strides) return x!.view({ shape, strides, offset: x!.offset });
    using copy = dense(x!);
    return copy.view({ shape, strides: contiguousStrides(shape), offset: 0 });
  },
  vjp: ([g], { inputs: [x] }) => [g!.reshape(x!.shape)],
});
/** The same elements in row-major order as `shape`, one dim of which may be −1. A view where strides allow. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const known = shape.filter((dim) => dim !== -1);
  const rest = x.size / sizeOf(known);
  const resolved = shape.map((dim) => (dim === -1 ? rest : dim));
  if (shape.length - known.length > 1 || !resolved.every(Number.isInteger) || sizeOf(resolved) !== x.size) {
    throw new ShapeError(`reshape: ${formatShape(x.shape)} does not fit ${formatShape(shape)}`);
  }
  return reshapeOp.apply([x], { shape: resolved });
}

export const permuteOp = defineOp<{ axes: readonly number[] }>({
  name: "permute",
  forward: ([x], { axes }) =>
    x!.view({
      shape: axes.map((axis) => x!.shape[axis]!),
      strides: axes.map((axis) => x!.strides[axis]!),
      offset: x!.offset,
    }),
  vjp: ([g], { attributes: { axes } }) => [
    permute(
      g!,
      axes.map((_, axis) => axes.indexOf(axis)),
    ),
  ],
});
/** Axes in the given order; a view. */
export function permute(x: Tensor, axes: readonly number[]): Tensor {
  const order = axes.map((axis) => normalizeAxis(axis, x.rank, "permute"));
  if (order.length !== x.rank || new Set(order).size !== x.rank) {
    throw new ShapeError(`permute: axes [${axes}] are no permutation of rank ${x.rank}`);
  }
  return permuteOp.apply([x], { axes: order });
}
/** Two axes (default: the last two) exchanged; a view. */
export function transpose(x: Tensor, a = -2, b = -1): Tensor {
  const [p, q] = [normalizeAxis(a, x.rank, "transpose"), normalizeAxis(b, x.rank, "transpose")];
  return permuteOp.apply([x], { axes: x.shape.map((_, axis) => (axis === p ? q : axis === q ? p : axis)) });
}

export const expandOp = defineOp<{ shape: Shape }>({
  name: "expand",
  forward: ([x], { shape }) =>
    x!.view({ shape, strides: broadcastStrides(x!.shape, x!.strides, shape), offset: x!.offset }),
  vjp: ([g], { inputs: [x] }) => [sumTo(g!, x!.shape)],
});
/** Broadcast to `shape`; a view. */
export function expand(x: Tensor, shape: Shape): Tensor {
  if (!sameShape(broadcastShapes(x.shape, shape, "expand"), shape)) {
    throw new ShapeError(`expand: ${formatShape(x.shape)} does not broadcast to ${formatShape(shape)}`);
  }
  return sameShape(x.shape, shape) ? x.alias() : expandOp.apply([x], { shape });
}

/** Sums the axes along which `x` was broadcast from `shape`: the gradient of broadcasting. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x.alias();
  const lead = x.rank - shape.length;
  const axes = x.shape.flatMap((dim, axis) =>
    axis < lead || (shape[axis - lead] === 1 && dim !== 1) ? [axis] : [],
  );
  return x.sum({ axis: axes }).reshape(shape);
}

interface SliceAttributes {
  readonly starts: readonly number[];
  readonly stops: readonly number[];
  readonly steps: readonly number[];
}
export const sliceOp = defineOp<SliceAttributes>({
  name: "slice",
  forward: ([x], attributes) => sliceView(x!, attributes),
  vjp: ([g], { inputs: [x], attributes }) => [embed(g!, x!.shape, attributes)],
});

function sliceView(x: Tensor, { starts, stops, steps }: SliceAttributes): Tensor {
  return x.view({
    shape: starts.map((start, axis) => Math.max(0, Math.ceil((stops[axis]! - start) / steps[axis]!))),
    strides: x.strides.map((stride, axis) => stride * steps[axis]!),
    offset: x.strides.reduce((offset, stride, axis) => offset + stride * starts[axis]!, x.offset),
  });
}

/** The adjoint of slice: zeros with `x` in the sliced places. */
export const embedOp = defineOp<SliceAttributes & { shape: Shape }>({
  name: "embed",
  forward: ([x], attributes) => {
    const out = zeros(attributes.shape, { dtype: x!.dtype, backend: x!.backend });
    using window = sliceView(out, attributes);
    x!.backend.kernels.copy(x!.operand, window.operand);
    return out;
  },
  vjp: ([g], { attributes }) => [sliceOp.apply([g!], attributes)],
});
const embed = (x: Tensor, shape: Shape, attributes: SliceAttributes): Tensor =>
  embedOp.apply([x], { ...attributes, shape });

/** A range of one axis: everything, `[start]` or `[start, stop]` or `[start, stop, step ≥ 1]`; negatives count from the end. */
export type Range = null | readonly [start: number, stop?: number, step?: number];

/** A window of the leading axes, as `x[a:b, c:d]`; a view. Ranges outside the tensor throw {@link ShapeError}. */
export function slice(x: Tensor, ...ranges: readonly Range[]): Tensor {
  const starts: number[] = [];
  const stops: number[] = [];
  const steps: number[] = [];
  if (ranges.length > x.rank) throw new ShapeError(`slice: ${ranges.length} ranges for rank ${x.rank}`);
  x.shape.forEach((dim, axis) => {
    const [start = 0, stop = dim, step = 1] = ranges[axis] ?? [0];
    const [from, to] = [start < 0 ? start + dim : start, stop < 0 ? stop + dim : stop];
    if (!(from >= 0 && from <= dim && to >= 0 && to <= dim && Number.isInteger(step) && step >= 1)) {
      throw new ShapeError(
        `slice: range ${start}:${stop}:${step} is outside axis ${axis} of ${formatShape(x.shape)}`,
      );
    }
    starts.push(from);
    stops.push(to);
    steps.push(step);
  });
  return sliceOp.apply([x], { starts, stops, steps });
}

export const concatOp = defineOp<{ axis: number }>({
  name: "concat",
  forward: (parts, { axis }) => {
    const [first] = parts;
    const shape = first!.shape.map((dim, k) =>
      k === axis ? parts.reduce((sum, p) => sum + p.shape[k]!, 0) : dim,
    );
    const out = Tensor.empty(first!.backend, shape, first!.dtype);
    let at = 0;
    for (const part of parts) {
      const offset = at * out.strides[axis]!;
      out.backend.kernels.copy(part.operand, { ...out.operand, shape: part.shape, offset });
      at += part.shape[axis]!;
    }
    return out;
  },
  vjp: ([g], { inputs, attributes: { axis } }) => {
    let at = 0;
    return inputs.map((part) => {
      const range = [at, at + part.shape[axis]!] as const;
      at = range[1];
      return slice(g!, ...part.shape.map((_, k) => (k === axis ? range : null)));
    });
  },
});
/** Joins tensors along `axis` (default 0); the other axes and the dtype must agree. */
export function concat(parts: readonly Tensor[], axis = 0): Tensor {
  const [first] = parts;
  if (!first) throw new ShapeError("concat: no tensors");
  const along = normalizeAxis(axis, first.rank, "concat");
  for (const part of parts) {
    const fits =
      part.rank === first.rank && part.shape.every((dim, k) => k === along || dim === first.shape[k]);
    if (!fits)
      throw new ShapeError(
        `concat: ${formatShape(first.shape)} and ${formatShape(part.shape)}, axis ${along}`,
      );
    if (part.dtype !== first.dtype) throw new DTypeError(`concat: ${first.dtype} and ${part.dtype}`);
  }
  return concatOp.apply(parts, { axis: along });
}
/** Joins tensors of one shape along a new axis (default 0). */
export const stack = (parts: readonly Tensor[], axis = 0): Tensor =>
  concat(
    parts.map((part) => unsqueeze(part, axis)),
    axis,
  );

/** A new axis of size 1 at `axis`; a view. */
export function unsqueeze(x: Tensor, axis: number): Tensor {
  const at = normalizeAxis(axis, x.rank + 1, "unsqueeze");
  return reshapeOp.apply([x], { shape: [...x.shape.slice(0, at), 1, ...x.shape.slice(at)] });
}
/** Without the given axes of size 1 (default: all such); a view. */
export function squeeze(x: Tensor, axes?: number | readonly number[]): Tensor {
  const drop =
    axes === undefined
      ? x.shape.flatMap((dim, axis) => (dim === 1 ? [axis] : []))
      : normalizeAxes(axes, x.rank, "squeeze");
  for (const axis of drop) {
    if (x.shape[axis] !== 1)
      throw new ShapeError(`squeeze: axis ${axis} of ${formatShape(x.shape)} is not 1`);
  }
  return reshapeOp.apply([x], { shape: x.shape.filter((_, axis) => !drop.includes(axis)) });
}

export const castOp = defineOp<{ dtype: DType }>({
  name: "cast",
  forward: ([x], { dtype }) => {
    const out = Tensor.empty(x!.backend, x!.shape, dtype);
    x!.backend.kernels.copy(x!.operand, out.operand);
    return out;
  },
  vjp: ([g], { inputs: [x] }) => [isHalf(x!.dtype) ? undefined : cast(g!, x!.dtype)],
});
/** Converted to `dtype`; the same tensor's alias if it has it already. Floats to i32 truncate. */
export const cast = (x: Tensor, dtype: DType): Tensor =>
  x.dtype === dtype ? x.alias() : castOp.apply([x], { dtype });

/** The diagonal of a square matrix `[n, n]`; a view. */
export const diagonalOp = defineOp({
  name: "diagonal",
  forward: ([x]) => {
    const [n, m] = x!.shape;
    if (x!.rank !== 2 || n !== m)
      throw new ShapeError(`diagonal: ${formatShape(x!.shape)} is no square matrix`);
    return x!.view({ shape: [n!], strides: [x!.strides[0]! + x!.strides[1]!], offset: x!.offset });
  },
  vjp: ([g]) => [diagonalMatrix(g!)],
});
export const diagonal = (x: Tensor): Tensor => diagonalOp.apply([x], undefined);

export const diagonalMatrixOp = defineOp({
  name: "diagonalMatrix",
  forward: ([x]) => {
    if (x!.rank !== 1) throw new ShapeError(`diagonalMatrix: ${formatShape(x!.shape)} is no vector`);
    const n = x!.shape[0]!;
    const out = zeros([n, n], { dtype: x!.dtype, backend: x!.backend });
    x!.backend.kernels.copy(x!.operand, { ...out.operand, shape: [n], strides: [n + 1] });
    return out;
  },
  vjp: ([g]) => [diagonal(g!)],
});
/** The matrix `[n, n]` with vector `x` on its diagonal. */
export const diagonalMatrix = (x: Tensor): Tensor => diagonalMatrixOp.apply([x], undefined);
