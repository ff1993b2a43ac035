import { ShapeError } from "./errors.js";

export type Shape = readonly number[];

export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const dim of shape) size *= dim;
  return size;
}

export const formatShape = (shape: Shape): string => `[${shape.join(", ")}]`;

export function sameShape(a: Shape, b: Shape): boolean {
  if (a.length !== b.length) return false;
  for (let axis = 0; axis < a.length; axis++) if (a[axis] !== b[axis]) return false;
  return true;
}

/** Row-major strides in elements. */
export function contiguousStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}

/** Whether the elements lie row-major without gaps (axes of size 1 do not matter). */
export function isContiguous(shape: Shape, strides: readonly number[]): boolean {
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const dim = shape[axis]!;
    if (dim === 0) return true;
    if (dim !== 1 && strides[axis] !== stride) return false;
    stride *= dim;
  }
  return true;
}

/** The axis counted from the front; negative ones count from the back. Throws {@link ShapeError}. */
export function normalizeAxis(axis: number, rank: number, what: string): number {
  const normalized = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || normalized < 0 || normalized >= rank) {
    throw new ShapeError(`${what}: axis ${axis} is outside a tensor of rank ${rank}`);
  }
  return normalized;
}

/** Sorted, distinct axes; `undefined` means all. */
export function normalizeAxes(axes: number | readonly number[] | undefined, rank: number, what: string) {
  if (axes === undefined) return Array.from({ length: rank }, (_, axis) => axis);
  const list = (typeof axes === "number" ? [axes] : axes).map((axis) => normalizeAxis(axis, rank, what));
  if (new Set(list).size !== list.length) throw new ShapeError(`${what}: axes ${axes} repeat`);
  return list.sort((a, b) => a - b);
}

/** NumPy broadcasting of two shapes. Throws {@link ShapeError} naming `what`. */
export function broadcastShapes(a: Shape, b: Shape, what: string): number[] {
  const rank = Math.max(a.length, b.length);
  const shape = new Array<number>(rank);
  for (let i = 1; i <= rank; i++) {
    const p = a[a.length - i] ?? 1;
    const q = b[b.length - i] ?? 1;
    if (p !== q && p !== 1 && q !== 1) {
      throw new ShapeError(`${what}: shapes ${formatShape(a)} and ${formatShape(b)} do not broadcast`);
    }
    shape[rank - i] = p === 1 ? q : p;
  }
  return shape;
}

/** Strides that read `shape` as if it were `target` (broadcast axes get stride 0). */
export function broadcastStrides(shape: Shape, strides: readonly number[], target: Shape): number[] {
  const lead = target.length - shape.length;
  return target.map((dim, axis) => {
    const own = axis - lead;
    return own < 0 || (shape[own] === 1 && dim !== 1) ? 0 : strides[own]!;
  });
}

/** Strides of a reshape without a copy, or `undefined` if one is needed. */
export function reshapeStrides(
  shape: Shape,
  strides: readonly number[],
  target: Shape,
): number[] | undefined {
  if (isContiguous(shape, strides)) return contiguousStrides(target);
  const result = new Array<number>(target.length).fill(0);
  const axes = shape.map((dim, axis) => ({ dim, stride: strides[axis]! })).filter(({ dim }) => dim !== 1);
  let from = 0;
  let to = 0;
  while (to < target.length) {
    if (target[to] === 1) {
      to++;
      continue;
    }
    const first = to;
    const start = from;
    let have = axes[from++]!.dim;
    let want = target[to++]!;
    while (have !== want) {
      if (have < want) have *= axes[from++]!.dim;
      else want *= target[to++]!;
    }
    for (let axis = start; axis < from - 1; axis++) {
      if (axes[axis]!.stride !== axes[axis + 1]!.stride * axes[axis + 1]!.dim) return undefined;
    }
    let stride = axes[from - 1]!.stride;
    for (let axis = to - 1; axis >= first; axis--) {
      result[axis] = stride;
      stride *= target[axis]!;
    }
  }
  return result;
}
