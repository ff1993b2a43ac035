import { breathe, type Tensor, tidy, where } from "@denoise-rotator/core";

/** The rows' least-squares problems: min over X, zero outside `mask`, of tr((X − target)·H·(X − target)ᵀ). */
export interface MaskedLeastSquares {
  /** `[out, in]`. */
  readonly target: Tensor;
  /** `[out, in]`, zero outside the mask. */
  readonly start: Tensor;
  /** bool `[out, in]`, true where a weight may differ from 0. */
  readonly mask: Tensor;
  /** H `[in, in]`, positive definite. */
  readonly H: Tensor;
  readonly iterations: number;
}

/** What an iteration leaves to the next; all `[out, in]` but `rz` `[out, 1]`. */
interface State {
  readonly X: Tensor;
  readonly residual: Tensor;
  readonly direction: Tensor;
  readonly rz: Tensor;
}

/**
 * Conjugate gradients with Jacobi's preconditioner (Saad, Iterative Methods for Sparse Linear Systems, algorithm 9.1),
 * every row a problem of its own that shares H, so that an iteration is one product `[out, in]·[in, in]`. The
 * objective does not rise. The caller disposes of the result.
 */
export async function conjugateGradients(problem: MaskedLeastSquares): Promise<Tensor> {
  const { H, mask, iterations } = problem;
  const scale = tidy(() => H.diagonal().reciprocal());
  let state = tidy(() => begin(problem, scale));
  try {
    for (let iteration = 0; iteration < iterations; iteration++) {
      const next = tidy(() => advance(state, H, mask, scale));
      release(state);
      state = next;
      await breathe();
    }
    return state.X.alias();
  } finally {
    release(state);
    scale.dispose();
  }
}

function begin({ target, start, mask, H }: MaskedLeastSquares, scale: Tensor): State {
  const residual = where(mask, target.sub(start).matmul(H), 0);
  const direction = residual.mul(scale);
  return { X: start.mul(1), residual, direction, rz: rowDot(residual, direction) };
}

function advance({ X, residual, direction, rz }: State, H: Tensor, mask: Tensor, scale: Tensor): State {
  const product = where(mask, direction.matmul(H), 0);
  const step = ratio(rz, rowDot(direction, product));
  const left = residual.sub(product.mul(step));
  const scaled = left.mul(scale);
  const remaining = rowDot(left, scaled);
  return {
    X: X.add(direction.mul(step)),
    residual: left,
    direction: scaled.add(direction.mul(ratio(remaining, rz))),
    rz: remaining,
  };
}

const rowDot = (a: Tensor, b: Tensor): Tensor => a.mul(b).sum({ axis: 1, keepDims: true });

/** a / b, and 0 in rows that are solved: there b is 0. NaN stays NaN. */
const ratio = (a: Tensor, b: Tensor): Tensor => where(b.equal(0), 0, a.div(b));

function release({ X, residual, direction, rz }: State): void {
  for (const x of [X, residual, direction, rz]) x.dispose();
}
