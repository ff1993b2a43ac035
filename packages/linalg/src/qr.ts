import {
  copyInto,
  defineOp,
  fillInto,
  formatShape,
  qrPanelInto,
  ShapeError,
  Tensor,
  tidy,
  where,
} from "@denoise-rotator/core";
import { matricesOf, matrixShape } from "./matrices.js";
import { panelShape, type Reflectors, reflect, reflectBordered, reflectorsOf } from "./reflectors.js";
import { lowerTriangle, upperTriangle } from "./triangle.js";
import { solveTriangular } from "./triangular.js";

const panel = 32;

/** Blocked Householder QR of `work` `[m, n]` in place: R in the upper triangle, rubbish below. */
function factorBlocked(work: Tensor): Reflectors[] {
  const [m, n] = work.shape as [number, number];
  return tidy(() => {
    const panels: Reflectors[] = [];
    const full = panelShape(Math.min(panel, n), work);
    for (let start = 0; start < n; start += panel) {
      const stop = Math.min(n, start + panel);
      const width = stop - start;
      const factored = work.slice([start, m], [start, stop]);
      const tau = Tensor.empty(work.backend, [width], work.dtype);
      qrPanelInto(factored, tau);
      const shape = width === full.below.shape[0] ? full : panelShape(width, work);
      const reflectors = reflectorsOf(factored, tau, shape);
      reflect(work.slice([start, m], [stop, n]), reflectors, true);
      panels.push(reflectors);
    }
    return panels;
  });
}

/** `q` `[m, n]` ← H_0·H_1⋯ times the first n columns of diag(signs). */
function multiplyOut(q: Tensor, panels: readonly Reflectors[], signs: Tensor): void {
  const [m, n] = q.shape as [number, number];
  fillInto(q, 0);
  copyInto(q.slice([0, n]).diagonal(), signs);
  for (let index = panels.length - 1; index >= 0; index--) {
    const start = index * panel;
    const reflectors = panels[index]!;
    const stop = start + reflectors.T.shape[0]!;
    reflectBordered(q.slice([start, m], [start, n]), reflectors, signs.slice([start, stop]));
  }
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
      const leading = a!.shape.slice(0, -2);
      const signs = Tensor.empty(a!.backend, [...leading, n], a!.dtype);
      const [matrices, signRows] = [matricesOf(q), matricesOf(signs.unsqueeze(-1))];
      matricesOf(work).forEach((matrix, i) => {
        tidy(() => {
          const panels = factorBlocked(matrix);
          const diagonal = matrix.slice([0, n]).diagonal();
          const sign = where(diagonal.equal(0), 1, diagonal.sign());
          copyInto(signRows[i]!, sign.unsqueeze(1));
          multiplyOut(matrices[i]!, panels, sign);
        });
      });
      const square = work.slice(...leading.map(() => null), [0, n]);
      return [q, upperTriangle(square).mul(signs.unsqueeze(-1))];
    });
  },
  vjp: ([gQ, gR], { outputs: [Q, R] }) => [qrPullback(Q!, R!, gQ, gR)],
});

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
