import type { Operand } from "@denoise-rotator/core";

/** A shape with the strides of several operands over it, as few axes as possible. */
export interface Iteration {
  readonly shape: readonly number[];
  /** One list of strides per operand. */
  readonly strides: readonly (readonly number[])[];
}

/** Drops axes of size 1 and joins neighbours that every operand walks through as one. */
export function collapse(shape: readonly number[], strides: readonly (readonly number[])[]): Iteration {
  const joined: number[] = [];
  const joinedStrides: number[][] = strides.map(() => []);
  for (let axis = 0; axis < shape.length; axis++) {
    const dim = shape[axis]!;
    if (dim === 1) continue;
    const last = joined.length - 1;
    const joins = last >= 0 && strides.every((list, i) => joinedStrides[i]![last] === list[axis]! * dim);
    if (joins) joined[last]! *= dim;
    else joined.push(dim);
    for (const [i, list] of strides.entries()) {
      joinedStrides[i]![joins ? last : joined.length - 1] = list[axis]!;
    }
  }
  return { shape: joined, strides: joinedStrides };
}

export interface RowPlan {
  /** Elements in a row. */
  readonly columns: number;
  readonly rows: number;
  /** Per operand: stride within a row, and from row to row. */
  readonly inner: readonly number[];
  readonly row: readonly number[];
  /** Axes outside of rows. */
  readonly outer: Iteration;
}

/** Splits an iteration into rows (last axis), a block of rows (the axis before) and what is outside. */
export function planRows({ shape, strides }: Iteration): RowPlan {
  const rank = shape.length;
  const outerRank = Math.max(0, rank - 2);
  return {
    columns: shape[rank - 1] ?? 1,
    rows: rank > 1 ? shape[rank - 2]! : 1,
    inner: strides.map((list) => (rank > 0 ? list[rank - 1]! : 1)),
    row: strides.map((list) => (rank > 1 ? list[rank - 2]! : 0)),
    outer: { shape: shape.slice(0, outerRank), strides: strides.map((list) => list.slice(0, outerRank)) },
  };
}

/** Calls `body` with each operand's element offset for every index of the iteration, in row-major order. */
export function forEachOffset(
  { shape, strides }: Iteration,
  body: (offsets: readonly number[], index: number) => void,
): void {
  const offsets = strides.map(() => 0);
  const index = shape.map(() => 0);
  const count = shape.reduce((product, dim) => product * dim, 1);
  for (let position = 0; position < count; position++) {
    body(offsets, position);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      for (let i = 0; i < strides.length; i++) offsets[i]! += strides[i]![axis]!;
      if (index[axis]! < shape[axis]!) break;
      for (let i = 0; i < strides.length; i++) offsets[i]! -= strides[i]![axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
}

export const elementCount = (shape: readonly number[]): number => {
  let count = 1;
  for (const dim of shape) count *= dim;
  return count;
};

/** The operand with other strides, shape or offset. */
export const windowOf = (
  operand: Operand,
  shape: readonly number[],
  strides: readonly number[],
  offset = operand.offset,
): Operand => ({ ...operand, shape, strides, offset });
