import {
  DenoiseRotatorError,
  formatShape,
  fromArray,
  NonFiniteError,
  ShapeError,
  type Tensor,
} from "@denoise-rotator/core";
import { implicitQl } from "./implicit-ql.js";
import { squareSize } from "./matrices.js";
import { tridiagonalise } from "./tridiagonal.js";

export interface SymmetricEigen {
  /** Ascending, `[n]`. */
  readonly values: Tensor;
  /** Orthonormal columns `[n, n]`, column j belongs to value j. */
  readonly vectors: Tensor;
}

/**
 * Eigenvalues and eigenvectors of symmetric `a` `[n, n]`, a = V·diag(values)·Vᵀ. Computed on the host in f64 from
 * (a + aᵀ)/2 and returned in `a`'s dtype on its backend. Each vector's largest component is positive (the first of
 * those that agree to 1e-6), so that results do not depend on the backend's rounding. Not differentiable.
 *
 * @param options.name names the matrix in errors; default `the matrix`.
 * @throws NonFiniteError if `a` holds NaN or infinity; ShapeError unless square and rank 2.
 */
export async function symmetricEigen(
  a: Tensor,
  options: { readonly name?: string } = {},
): Promise<SymmetricEigen> {
  const name = options.name ?? "the matrix";
  const n = squareSize(a, "symmetricEigen");
  if (a.rank !== 2) throw new ShapeError(`symmetricEigen: ${formatShape(a.shape)} is no single matrix`);
  const form = tridiagonalise(symmetrised(await a.read(), n, name), n);
  if (!implicitQl(form)) {
    throw new DenoiseRotatorError("NO_CONVERGENCE", `symmetricEigen of ${name} did not converge`);
  }
  const { diagonal, basis } = form;
  const order = Array.from(diagonal.keys()).sort((i, j) => diagonal[i]! - diagonal[j]! || i - j);
  const vectors = new Float64Array(n * n);
  order.forEach((from, column) => {
    const vector = basis.subarray(from * n, (from + 1) * n);
    const sign = signOfLargest(vector);
    for (let i = 0; i < n; i++) vectors[i * n + column] = sign * vector[i]!;
  });
  const like = { dtype: a.dtype, backend: a.backend };
  return {
    values: fromArray(
      order.map((i) => diagonal[i]!),
      [n],
      like,
    ),
    vectors: fromArray(vectors, [n, n], like),
  };
}

function symmetrised(values: ArrayLike<number>, n: number, name: string): Float64Array {
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      const mean = 0.5 * (values[i * n + j]! + values[j * n + i]!);
      if (!Number.isFinite(mean)) throw new NonFiniteError(`${name} holds ${mean} at [${i}, ${j}]`);
      out[i * n + j] = mean;
      out[j * n + i] = mean;
    }
  }
  return out;
}

function signOfLargest(vector: Float64Array): 1 | -1 {
  let largest = 0;
  for (const value of vector) largest = Math.max(largest, Math.abs(value));
  const first = vector.find((value) => Math.abs(value) >= largest * (1 - 1e-6)) ?? 1;
  return first < 0 ? -1 : 1;
}
