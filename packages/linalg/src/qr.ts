import {
  copyInto,
  defineOp,
  diagonalMatrix,
  fillInto,
  formatShape,
  matmulInto,
  qrPanelInto,
  ShapeError,
  Tensor,
  tidy,
  triangularSolveInto,
  where,
  zeros,
} from "@denoise-rotator/core";
import { matricesOf, matrixShape } from "./matrices.js";
import { lowerTriangle, upperTriangle } from "./triangle.js";
import { solveTriangular } from "./triangular.js";

const panel = 32;

/** A panel's reflectors: H_0·H_1⋯ = I − V·T·Vᵀ, V `[m, k]` unit lower trapezoidal, T `[k, k]` upper triangular. */
interface Reflectors {
  readonly start: number;
  readonly V: Tensor;
  readonly T: Tensor;
}

/**
 * Compact WY form of a factored panel. T = (I + D·U)⁻¹·D with D = diag(τ) and U the strict upper triangle of VᵀV, which
 * also holds where τ = 0 (Joffrin et al. 2006, arXiv cs/0607038, divide by τ instead).
 */
function reflectorsOf(factored: Tensor, tau: Tensor, start: number): Reflectors {
  return tidy(() => {
    const k = tau.shape[0]!;
    const strict = lowerTriangle(factored, { strict: true });
    const V = Tensor.empty(factored.backend, factored.shape, factored.dtype);
    copyInto(V, strict);
    const top = V.slice([0, k]);
    fillInto(top.diagonal(), 1);
    const T = diagonalMatrix(tau);
    const system = upperTriangle(V.transpose().matmul(V), { strict: true }).mul(tau.unsqueeze(1));
    triangularSolveInto(T, system, { lower: false, transpose: false, unitDiagonal: true });
    return { start, V, T };
  });
}

/** x ← (I − V·op(T)·Vᵀ)·x in place. */
function reflect(x: Tensor, { V, T }: Reflectors, transpose: boolean): void {
  if (x.shape[1] === 0) return;
  tidy(() => {
    const weights = (transpose ? T.transpose() : T).matmul(V.transpose().matmul(x));
    matmulInto(x, V, weights, { accumulate: true, alpha: -1 });
  });
}

/** Blocked Householder QR of one matrix: `work` `[m, n]` becomes R (and rubbish below), `q` `[m, n]` becomes Q. */
function factorBlocked(work: Tensor, q: Tensor): void {
  const [m, n] = work.shape as [number, number];
  tidy(() => {
    const panels: Reflectors[] = [];
    for (let start = 0; start < n; start += panel) {
      const stop = Math.min(n, start + panel);
      const factored = work.slice([start, m], [start, stop]);
      const tau = zeros([stop - start], { dtype: work.dtype, backend: work.backend });
      qrPanelInto(factored, tau);
      const reflectors = reflectorsOf(factored, tau, start);
      reflect(work.slice([start, m], [stop, n]), reflectors, true);
      panels.push(reflectors);
    }
    fillInto(q, 0);
    fillInto(q.slice([0, n]).diagonal(), 1);
    for (const reflectors of panels.reverse()) {
      reflect(q.slice([reflectors.start, m], [reflectors.start, n]), reflectors, false);
    }
  });
}

/** Outputs Q `[…, m, n]` and R `[…, n, n]`. */
export const qrOp = defineOp({
  name: "qr",
  forward: ([a]) => {
    const [m, n] = matrixShape(a!, "qr");
    if (m < n) throw new ShapeError(`qr: ${formatShape(a!.shape)} has more columns than rows`);
    return tidy(() => {
      const work = Tensor.empty(a!.backend, a!.shape, a!.dtype);
      copyInto(work, a!);
      const q = Tensor.empty(a!.backend, a!.shape, a!.dtype);
      const matrices = matricesOf(q);
      matricesOf(work).forEach((matrix, i) => {
        factorBlocked(matrix, matrices[i]!);
      });
      const leading = a!.shape.slice(0, -2);
      const square = work.slice(...leading.map(() => null), [0, n]);
      const r = upperTriangle(square);
      const diagonal = r.mul(eyeLike(r)).sum({ axis: -1 });
      const signs = where(diagonal.equal(0), 1, diagonal.sign());
      return [q.mul(signs.unsqueeze(-2)), r.mul(signs.unsqueeze(-1))];
    });
  },
  vjp: ([gQ, gR], { outputs: [Q, R] }) => [qrPullback(Q!, R!, gQ, gR)],
});

const eyeLike = (r: Tensor): Tensor => {
  const n = r.shape.at(-1)!;
  const out = zeros([n, n], { dtype: r.dtype, backend: r.backend });
  fillInto(out.diagonal(), 1);
  return out;
};

/**
 * The gradient with respect to a = Q·R from those with respect to Q and R (either may be missing; both missing: `undefined`):
 * (gQ + Q·copyltu(R·gRᵀ − gQᵀ·Q))·R⁻ᵀ, copyltu the symmetric matrix with that lower triangle (Liao et al. 2019,
 * arXiv 1903.09650, eq. 3; Walter & Lehmann 2010). Infinite where `a` has not full column rank.
 */
export function qrPullback(Q: Tensor, R: Tensor, gQ?: Tensor, gR?: Tensor): Tensor | undefined {
  if (!gQ && !gR) return undefined;
  return tidy(() => {
    const fromR = gR && R.matmul(gR.transpose());
    const fromQ = gQ?.transpose().matmul(Q);
    const M = fromR && fromQ ? fromR.sub(fromQ) : (fromR ?? fromQ!.neg());
    const symmetric = lowerTriangle(M).add(lowerTriangle(M, { strict: true }).transpose());
    const turned = Q.matmul(symmetric);
    const sum = gQ ? turned.add(gQ) : turned;
    return solveTriangular(R, sum.transpose(), { lower: false }).transpose();
  });
}

/**
 * Thin QR: `a` `[…, m, n]` with m ≥ n is Q·R, Q `[…, m, n]` with orthonormal columns, R `[…, n, n]` upper triangular with
 * diagonal ≥ 0 (> 0 and unique for full column rank). Blocked Householder (compact WY, panels of 32); stacks are
 * factored one after the other. Synchronous, differentiable; NaN in `a` gives NaN.
 *
 * @throws ShapeError if m < n; DTypeError unless f32 or f64.
 */
export function qr(a: Tensor): { Q: Tensor; R: Tensor } {
  const [Q, R] = qrOp.applyAll([a], undefined) as [Tensor, Tensor];
  return { Q, R };
}
