import {
  type Backend,
  breathe,
  type FloatDType,
  fromTyped,
  matmulInto,
  Tensor,
  tidy,
} from "@denoise-rotator/core";
import { implicitQl } from "./implicit-ql.js";
import { rankOneUpdate } from "./rank-one-update.js";

interface Like {
  readonly dtype: FloatDType;
  readonly backend: Backend;
}

/** Eigenvalues, ascending, and vectors as columns; the vectors' outermost rows also in f64. */
interface Part {
  readonly values: Float64Array;
  readonly vectors: Tensor;
  readonly first: Float64Array;
  readonly last: Float64Array;
}

/** Largest matrix that is left to QL. */
const leafSize = 32;

/**
 * Eigenvalues (ascending, f64) and vectors `[n, n]` of the symmetric tridiagonal matrix whose element i of
 * `offDiagonal` couples i and i + 1, by divide and conquer (Cuppen 1981): secular equations on the host in f64, products
 * of vectors, (4/3)·n³ FLOPs at most, on the backend. `undefined` if an iteration did not converge.
 */
export async function divideAndConquer(
  diagonal: Float64Array,
  offDiagonal: Float64Array,
  like: Like,
): Promise<{ values: Float64Array; vectors: Tensor } | undefined> {
  // Tearing at i takes the coupling off both of its neighbours.
  return solve(diagonal.slice(), offDiagonal, 0, diagonal.length, like);
}

async function solve(
  d: Float64Array,
  e: Float64Array,
  start: number,
  stop: number,
  like: Like,
): Promise<Part | undefined> {
  if (stop - start <= leafSize) return leaf(d.slice(start, stop), e.slice(start, stop), like);
  const middle = start + ((stop - start) >> 1);
  const coupling = e[middle - 1]!;
  d[middle - 1]! -= Math.abs(coupling);
  d[middle]! -= Math.abs(coupling);
  const left = await solve(d, e, start, middle, like);
  if (!left) return undefined;
  using _left = left.vectors;
  const right = await solve(d, e, middle, stop, like);
  if (!right) return undefined;
  using _right = right.vectors;
  await breathe();
  return join(left, right, coupling, like);
}

function leaf(diagonal: Float64Array, offDiagonal: Float64Array, like: Like): Part | undefined {
  const n = diagonal.length;
  offDiagonal[n - 1] = 0;
  const basis = new Float64Array(n * n);
  for (let i = 0; i < n; i++) basis[i * n + i] = 1;
  if (!implicitQl({ diagonal, offDiagonal, basis })) return undefined;
  const order = Array.from(diagonal.keys()).sort((i, j) => diagonal[i]! - diagonal[j]! || i - j);
  const vectors = arrayOf(n * n, like.dtype);
  order.forEach((from, column) => {
    for (let i = 0; i < n; i++) vectors[i * n + column] = basis[from * n + i]!;
  });
  return {
    values: Float64Array.from(order, (i) => diagonal[i]!),
    vectors: fromTyped(vectors, [n, n], like.dtype, like.backend),
    first: Float64Array.from(order, (i) => basis[i * n]!),
    last: Float64Array.from(order, (i) => basis[i * n + n - 1]!),
  };
}

const arrayOf = (length: number, dtype: FloatDType): Float32Array | Float64Array =>
  dtype === "f64" ? new Float64Array(length) : new Float32Array(length);

/** Undoes one tearing: the parts' matrices as one block diagonal, plus |coupling|·u·uᵀ with u = (0 … 1, ±1 … 0). */
function join(left: Part, right: Part, coupling: number, like: Like): Part | undefined {
  const [n1, n2] = [left.values.length, right.values.length];
  const n = n1 + n2;
  const values = new Float64Array(n);
  values.set(left.values);
  values.set(right.values, n1);
  const z = new Float64Array(n);
  const sign = coupling < 0 ? -1 : 1;
  for (let i = 0; i < n1; i++) z[i] = left.last[i]! * Math.SQRT1_2;
  for (let i = 0; i < n2; i++) z[n1 + i] = sign * right.first[i]! * Math.SQRT1_2;
  const update = rankOneUpdate(values, z, 2 * Math.abs(coupling));
  if (!update) return undefined;
  const [first, last, row] = [new Float64Array(n), new Float64Array(n), new Float64Array(n)];
  const rows = arrayOf(n * n, like.dtype);
  for (let j = 0; j < n; j++) {
    update.vector(j, row);
    rows.set(row, j * n);
    first[j] = dot(left.first, row, 0);
    last[j] = dot(right.last, row, n1);
  }
  const vectors = Tensor.empty(like.backend, [n, n], like.dtype);
  tidy(() => {
    const mixing = fromTyped(rows, [n, n], like.dtype, like.backend);
    matmulInto(vectors.slice([0, n1]), left.vectors, mixing.slice(null, [0, n1]).transpose());
    matmulInto(vectors.slice([n1]), right.vectors, mixing.slice(null, [n1]).transpose());
  });
  return { values: update.values, vectors, first, last };
}

function dot(x: Float64Array, row: Float64Array, from: number): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * row[from + i]!;
  return sum;
}
