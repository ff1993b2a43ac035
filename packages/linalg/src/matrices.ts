import { copyInto, DTypeError, formatShape, gram, ShapeError, Tensor, tidy } from "@denoise-rotator/core";

/** Rows and columns of the last two axes. Throws ShapeError for vectors and scalars, DTypeError for what is not f32 or f64. */
export function matrixShape(x: Tensor, what: string): [rows: number, columns: number] {
  if (x.rank < 2)
    throw new ShapeError(`${what}: ${formatShape(x.shape)} is no matrix and no stack of matrices`);
  if (x.dtype !== "f32" && x.dtype !== "f64") {
    throw new DTypeError(`${what}: does not take ${x.dtype}; cast to f32 first`);
  }
  return [x.shape.at(-2)!, x.shape.at(-1)!];
}

/** n of `[…, n, n]`; throws ShapeError otherwise. */
export function squareSize(x: Tensor, what: string): number {
  const [rows, columns] = matrixShape(x, what);
  if (rows !== columns) throw new ShapeError(`${what}: ${formatShape(x.shape)} is not square`);
  return rows;
}

/** Each matrix of a contiguous stack `[…, m, n]` as a view `[m, n]`, for routines that write into it. */
export function matricesOf(x: Tensor): Tensor[] {
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const count = x.shape.slice(0, -2).reduce((product, dim) => product * dim, 1);
  return Array.from({ length: count }, (_, i) =>
    x.view({ shape: [rows, columns], strides: [columns, 1], offset: x.offset + i * rows * columns }),
  );
}

/** Like `matricesOf`, of an input with any strides; call inside `tidy`. */
export const matricesFrom = (x: Tensor): Tensor[] => matricesOf(x.contiguous());

/** (x + xᵀ)/2 of the last two axes. */
export const symmetricPart = (x: Tensor): Tensor => tidy(() => x.add(x.transpose()).mul(0.5));
/** (x − xᵀ)/2 of the last two axes. */
export const skewPart = (x: Tensor): Tensor => tidy(() => x.sub(x.transpose()).mul(0.5));

/** xᵀ·x of the last two axes; for a single matrix at half the work, and exactly symmetric. */
export const gramOf = (x: Tensor): Tensor => (x.rank === 2 ? gram(x) : tidy(() => x.transpose().matmul(x)));

/** A matrix of its own with the same elements, dense. */
export function copyOf(x: Tensor): Tensor {
  const copy = Tensor.empty(x.backend, x.shape, x.dtype);
  copyInto(copy, x);
  return copy;
}
