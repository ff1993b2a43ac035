import {
  choleskyPanelInto,
  copyInto,
  defineOp,
  fillInto,
  gram,
  matmulInto,
  NotPositiveDefiniteError,
  Tensor,
  tidy,
  triangularSolveInto,
  where,
  zeros,
} from "@denoise-rotator/core";
import { matricesOf, squareSize, symmetricPart } from "./matrices.js";
import { diagonalMask, lowerMask, lowerTriangle } from "./triangle.js";
import { inverseTriangular, solveTriangular } from "./triangular.js";

const panel = 64;

/** Right-looking blocked Cholesky of one matrix in place; the lower triangle is read, zeros are left above it. */
function factorBlocked(a: Tensor, info: Tensor): void {
  const n = a.shape[0]!;
  const width = Math.min(panel, n);
  const mask = lowerMask(width, width, 0, a.backend);
  for (let start = 0; start < n; start += panel) {
    tidy(() => {
      const stop = Math.min(n, start + panel);
      const corner = a.slice([start, stop], [start, stop]);
      choleskyPanelInto(corner, info, start);
      if (stop < n) eliminate(a, corner, start, stop);
      // The products below may have written here.
      const kept = mask.slice([0, stop - start], [0, stop - start]);
      copyInto(corner, where(kept, corner, 0));
      fillInto(a.slice([start, stop], [stop]), 0);
    });
  }
}

/** The columns start … stop of L below `corner`, and the rest of the matrix less their products. */
function eliminate(a: Tensor, corner: Tensor, start: number, stop: number): void {
  const below = a.slice([stop], [start, stop]);
  const solved = Tensor.empty(a.backend, [stop - start, below.shape[0]!], a.dtype);
  copyInto(solved, below.transpose());
  triangularSolveInto(solved, corner, { lower: true, transpose: false, unitDiagonal: false });
  copyInto(below, solved.transpose());
  const rest = a.slice([stop], [stop]);
  matmulInto(rest, below, solved, { accumulate: true, alpha: -1, triangle: "lower" });
}

/** Outputs L `[…, n, n]` and i32 `info` `[1]`: 0, or 1 + the first bad pivot (of the first bad matrix of a stack). */
export const choleskyOp = defineOp({
  name: "cholesky",
  forward: ([a]) => {
    squareSize(a!, "cholesky");
    const info = zeros([1], { dtype: "i32", backend: a!.backend });
    const L = Tensor.empty(a!.backend, a!.shape, a!.dtype);
    copyInto(L, a!);
    tidy(() => {
      for (const matrix of matricesOf(L)) factorBlocked(matrix, info);
    });
    return [L, info];
  },
  vjp: ([g], { outputs: [L] }) => {
    // Murray 2016 (arXiv 1602.07527), eq. 10: sym(L⁻ᵀ · Φ(Lᵀ·g) · L⁻¹), Φ the lower triangle with half its diagonal.
    if (!g) return [undefined];
    const product = L!.transpose().matmul(g);
    const half = lowerTriangle(product).sub(diagonalMask(product).mul(0.5));
    const left = solveTriangular(L!, half, { transpose: true });
    return [symmetricPart(solveTriangular(L!, left.transpose(), { transpose: true }))];
  },
});

/**
 * L with a = L·Lᵀ, lower triangular with exact zeros above, of symmetric `a` `[…, n, n]` of which the lower triangle is
 * read. Synchronous and differentiable (the gradient is symmetric); where `a` is not positive definite the columns of
 * L from the failing pivot on are NaN. See {@link cholesky} for the checked one.
 */
export const choleskyUnchecked = (a: Tensor): Tensor => tidy(() => choleskyOp.applyAll([a], undefined)[0]!);

/**
 * The Cholesky factor L `[…, n, n]` of symmetric `a`: a = L·Lᵀ, lower triangular with positive diagonal. Only the lower
 * triangle of `a` is read. Blocked, panels of 64.
 *
 * @param options.name names the matrix in the error; default `the matrix`.
 * @throws NotPositiveDefiniteError with the first pivot that is not positive (or NaN).
 */
export async function cholesky(a: Tensor, options: { readonly name?: string } = {}): Promise<Tensor> {
  const { L, pivot } = await tryCholesky(a);
  if (pivot === undefined) return L;
  L.dispose();
  throw new NotPositiveDefiniteError(pivot, options.name ?? "the matrix");
}

/** L and the pivot that failed, if one did. */
interface Attempt {
  readonly L: Tensor;
  readonly pivot: number | undefined;
}

/** As {@link cholesky} in the place of one matrix that nobody else holds: `a` becomes L. Not differentiable. */
export async function tryCholeskyInPlace(a: Tensor): Promise<Attempt> {
  using info = zeros([1], { dtype: "i32", backend: a.backend });
  tidy(() => factorBlocked(a, info));
  const code = (await info.read())[0]!;
  return { L: a, pivot: code === 0 ? undefined : code - 1 };
}

async function tryCholesky(a: Tensor): Promise<Attempt> {
  const [L, info] = choleskyOp.applyAll([a], undefined) as [Tensor, Tensor];
  using flag = info;
  try {
    const code = (await flag.read())[0]!;
    return { L, pivot: code === 0 ? undefined : code - 1 };
  } catch (error) {
    L.dispose();
    throw error;
  }
}

/** a⁻¹ `[n, n]`, exactly symmetric, from its Cholesky factor L: L⁻ᵀ·L⁻¹. Differentiable. */
export const choleskyInverse = (L: Tensor): Tensor =>
  tidy(() => {
    const inverse = inverseTriangular(L);
    return L.rank === 2 ? gram(inverse) : symmetricPart(inverse.transpose().matmul(inverse));
  });

/**
 * a⁻¹ of symmetric positive definite `a` `[n, n]` by Cholesky, exactly symmetric.
 *
 * @throws NotPositiveDefiniteError as {@link cholesky}.
 */
export async function inverseSpd(a: Tensor, options: { readonly name?: string } = {}): Promise<Tensor> {
  using L = await cholesky(a, options);
  return choleskyInverse(L);
}
