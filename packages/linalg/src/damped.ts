import {
  fromArray,
  NonFiniteError,
  NotPositiveDefiniteError,
  OptionError,
  type Tensor,
  tidy,
  toNumbers,
} from "@denoise-rotator/core";
import { tryCholeskyInPlace } from "./cholesky.js";
import { addDiagonalInto } from "./diagonal.js";
import { copyOf, squareSize } from "./matrices.js";

export interface DampedOptions {
  /** Share of the mean diagonal that is added to the diagonal; ≥ 0. SparseGPT uses 0.01. */
  readonly damping: number;
  /** What errors call the matrix: the layer. */
  readonly name: string;
}

export interface DampedFactor {
  /** Lower triangular `[n, n]`: L·Lᵀ is the damped matrix. The caller disposes. */
  readonly L: Tensor;
  /** What was added to every diagonal element, absolutely. */
  readonly damping: number;
  /** The share of the mean diagonal that was added: as asked, or ten times that for each retry. */
  readonly relativeDamping: number;
  /** Columns j with H_jj = 0, whose diagonal became 1 before damping. */
  readonly dead: readonly number[];
}

/** Further attempts after the first, each with ten times the damping. */
const retries = 3;

/**
 * The Cholesky factor of H + λ·I for a Gram matrix `H` `[n, n]`, λ = damping · mean(diag H). Dead columns get H_jj = 1
 * first, as in SparseGPT (arXiv 2301.00774). Where a pivot fails, or L·Lᵀ misses the damped matrix by more than rounding
 * explains, the damping is raised tenfold, up to three times. H given as a function that makes it, a matrix nobody else
 * holds, is factored in place: no second one of its size is there, and each attempt makes it anew.
 *
 * @throws NonFiniteError naming `name` if the diagonal holds NaN, infinity or a negative number;
 *   NotPositiveDefiniteError naming `name`, the dampings tried and the last pivot; OptionError for a negative damping.
 */
export async function factorDamped(
  H: Tensor | (() => Tensor),
  options: DampedOptions,
): Promise<DampedFactor> {
  const { damping, name } = options;
  const fresh = typeof H === "function" ? H : () => copyOf(H);
  if (!(damping >= 0 && damping < Number.POSITIVE_INFINITY))
    throw new OptionError(`damping ${damping} is not ≥ 0`);
  let pivot = 0;
  for (let attempt = 0; attempt <= retries; attempt++) {
    const relativeDamping = damping * 10 ** attempt;
    const damped = fresh();
    try {
      const n = squareSize(damped, `factorDamped of ${name}`);
      const { values, revived, mean } = await readDiagonal(damped, name);
      const added = relativeDamping * mean;
      using change = fromArray(
        revived.map((value, j) => value + added - values[j]!),
        [n],
        { dtype: damped.dtype, backend: damped.backend },
      );
      addDiagonalInto(damped, change);
      using check = productCheck(damped);
      const { L, pivot: failed } = await tryCholeskyInPlace(damped);
      if (failed === undefined && (await check.passes(L))) {
        const dead = values.flatMap((value, j) => (value === 0 ? [j] : []));
        return { L, damping: added, relativeDamping, dead };
      }
      pivot = failed ?? n - 1;
    } catch (error) {
      damped.dispose();
      throw error;
    }
    damped.dispose();
  }
  throw new NotPositiveDefiniteError(
    pivot,
    `${name} with damping ${damping} … ${damping * 10 ** retries} of its mean diagonal`,
  );
}

/** The diagonal, with 1 where it is 0, and the mean of that. */
async function readDiagonal(H: Tensor, name: string) {
  using diagonal = H.diagonal();
  const values = Array.from(await toNumbers(diagonal));
  checkDiagonal(values, name);
  const revived = values.map((value) => value || 1);
  const mean = revived.reduce((sum, value) => sum + value, 0) / Math.max(1, revived.length);
  return { values, revived, mean };
}

function checkDiagonal(values: readonly number[], name: string): void {
  const at = values.findIndex((value) => !(value >= 0 && value < Number.POSITIVE_INFINITY));
  if (at >= 0) {
    throw new NonFiniteError(
      `statistics of ${name}: diagonal element ${at} is ${values[at]}; a Gram matrix has finite ones ≥ 0`,
    );
  }
}

/**
 * Whether L·(Lᵀ·v) = a·v up to rounding for one fixed vector v of ±1. Rounding explains
 * |L·Lᵀ − a|_ij ≤ (n + 1)·ε·√(a_ii·a_jj) (Higham, Accuracy and Stability, theorem 10.3); ten times that is allowed. What
 * it needs of `a` is taken at once: `a` may then be overwritten.
 */
function productCheck(a: Tensor): Disposable & { passes(L: Tensor): Promise<boolean> } {
  const n = a.shape[0]!;
  const epsilon = a.dtype === "f64" ? 2 ** -53 : 2 ** -24;
  const { v, wanted, bound } = tidy(() => {
    const signs = Array.from({ length: n }, (_, j) => (((j * 2654435761) >>> 7) & 1 ? 1 : -1));
    const v = fromArray(signs, [n, 1], { dtype: a.dtype, backend: a.backend });
    const roots = a.diagonal().sqrt();
    return { v, wanted: a.matmul(v), bound: roots.mul(roots.sum()).mul(10 * (n + 1) * epsilon) };
  });
  return {
    async passes(L) {
      if (n === 0) return true;
      using ok = tidy(() => {
        const residual = L.matmul(L.transpose().matmul(v)).sub(wanted).abs().squeeze(1);
        return residual.lessEqual(bound).all();
      });
      return (await ok.read())[0] === 1;
    },
    [Symbol.dispose]() {
      for (const x of [v, wanted, bound]) x.dispose();
    },
  };
}
