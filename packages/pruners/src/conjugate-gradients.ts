import { breathe, copyInto, Tensor, tidy, where } from "@denoise-rotator/core";

/** The rows' least-squares problems: min over X, zero outside `mask`, of tr((X − target)·H·(X − target)ᵀ). */
export interface MaskedLeastSquares {
  /** `[out, in]`. */
  readonly target: Tensor;
  /** bool `[in]`, true where weights stay what `start` has; default nowhere. */
  readonly fixed?: Tensor;
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

/** Elements of the rows that are solved for together; the least rows of a band, so that products stay matrix products. */
const bandElements = 2 ** 22;
const bandRows = 256;

/**
 * Conjugate gradients with Jacobi's preconditioner (Saad, Iterative Methods for Sparse Linear Systems, algorithm 9.1),
 * every row a problem of its own that shares H, so that an iteration is one product `[out, in]·[in, in]`. The
 * objective does not rise. Of large matrices some rows at a time. The caller disposes of the result.
 */
export async function conjugateGradients(problem: MaskedLeastSquares): Promise<Tensor> {
  const { start, target, mask } = problem;
  const [rows, columns] = start.shape as [number, number];
  const step = Math.max(bandRows, Math.floor(bandElements / columns));
  if (rows <= step) return solveRows(problem);
  const out = Tensor.empty(start.backend, start.shape, start.dtype);
  try {
    for (let begin = 0; begin < rows; begin += step) {
      const range = [begin, Math.min(rows, begin + step)] as const;
      const [ownTarget, ownStart, ownMask] = [target, start, mask].map((x) => x.slice(range));
      try {
        using solved = await solveRows({ ...problem, target: ownTarget!, start: ownStart!, mask: ownMask! });
        tidy(() => copyInto(out.slice(range), solved));
      } finally {
        for (const x of [ownTarget, ownStart, ownMask]) x!.dispose();
      }
    }
    return out;
  } catch (error) {
    out.dispose();
    throw error;
  }
}

async function solveRows(problem: MaskedLeastSquares): Promise<Tensor> {
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

function begin({ target, fixed, start, mask, H }: MaskedLeastSquares, scale: Tensor): State {
  const wanted = fixed ? where(fixed, start, target) : target;
  const residual = where(mask, wanted.sub(start).matmul(H), 0);
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
