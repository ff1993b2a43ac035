import {
  DenoiseRotatorError,
  type FloatDType,
  formatShape,
  fromArray,
  item,
  NonFiniteError,
  ShapeError,
  type Tensor,
  tidy,
} from "@denoise-rotator/core";
import { divideAndConquer } from "./divide-and-conquer.js";
import { squareSize } from "./matrices.js";
import { multiplyByBasis, tridiagonalise } from "./tridiagonalise.js";

export interface SymmetricEigen {
  /** Ascending, `[n]`. */
  readonly values: Tensor;
  /** Orthonormal columns `[n, n]`, column j belongs to value j. */
  readonly vectors: Tensor;
}

/**
 * Eigenvalues and eigenvectors of symmetric `a` `[n, n]`, a = V·diag(values)·Vᵀ, of (a + aᵀ)/2: Householder
 * tridiagonalisation (in panels where the backend has the kernel, else on the host in f64), divide and conquer,
 * back-transformation by blocks of reflectors. Errors are a few units of `a`'s rounding times ‖a‖. Each vector's largest
 * component is positive (the first of those that agree to 1e-6), so that signs do not depend on the backend's rounding.
 * Not differentiable.
 *
 * @param options.name names the matrix in errors; default `the matrix`.
 * @throws NonFiniteError if `a` holds NaN or infinity; ShapeError unless square and rank 2; DenoiseRotatorError with
 *   code `NO_CONVERGENCE` if an iteration does not converge (never seen).
 */
export async function symmetricEigen(
  a: Tensor,
  options: { readonly name?: string } = {},
): Promise<SymmetricEigen> {
  const name = options.name ?? "the matrix";
  const n = squareSize(a, "symmetricEigen");
  if (a.rank !== 2) throw new ShapeError(`symmetricEigen: ${formatShape(a.shape)} is no single matrix`);
  const like = { dtype: a.dtype as FloatDType, backend: a.backend };
  if (n === 0) return { values: fromArray([], [0], like), vectors: fromArray([], [0, 0], like) };
  // Its own handle: the caller may dispose of `a` meanwhile.
  using matrix = a.alias();
  const unit = await workingUnit(matrix, name);
  using scaled = tidy(() => matrix.mul(0.5 / unit).add(matrix.transpose().mul(0.5 / unit)));
  const form = await tridiagonalise(scaled);
  using _V = form.V;
  using _tau = form.tau;
  const found = await divideAndConquer(form.diagonal, form.offDiagonal, like);
  if (!found) throw new DenoiseRotatorError("NO_CONVERGENCE", `symmetricEigen of ${name} did not converge`);
  using turned = found.vectors;
  await multiplyByBasis(turned, form);
  using signs = fromArray(signsOfLargest(await turned.read(), n), [n], like);
  return {
    values: fromArray(
      found.values.map((value) => value * unit),
      [n],
      like,
    ),
    vectors: turned.mul(signs),
  };
}

/** The power of two at the size of `a`'s largest element. Throws NonFiniteError. */
async function workingUnit(a: Tensor, name: string): Promise<number> {
  using most = tidy(() => a.abs().max());
  const largest = await item(most);
  if (!Number.isFinite(largest)) {
    const values = await a.read();
    const n = a.shape[1]!;
    const at = values.findIndex((value) => !Number.isFinite(value));
    throw new NonFiniteError(`${name} holds ${values[at]} at [${Math.floor(at / n)}, ${at % n}]`);
  }
  return largest === 0 ? 1 : 2 ** Math.floor(Math.log2(largest));
}

/** ±1 for each column of row-major `vectors` `[n, n]`: the sign of its largest component. */
function signsOfLargest(vectors: ArrayLike<number>, n: number): Float64Array {
  const largest = new Float64Array(n);
  for (let i = 0; i < n * n; i++) {
    const size = Math.abs(vectors[i]!);
    if (size > largest[i % n]!) largest[i % n] = size;
  }
  const signs = new Float64Array(n);
  for (let i = 0; i < n * n; i++) {
    const column = i % n;
    if (signs[column] === 0 && Math.abs(vectors[i]!) >= largest[column]! * (1 - 1e-6)) {
      signs[column] = vectors[i]! < 0 ? -1 : 1;
    }
  }
  return signs;
}
