import { eye, type Tensor, tidy } from "@denoise-rotator/core";
import { choleskyUnchecked } from "./cholesky.js";
import { gramOf, skewPart, squareSize } from "./matrices.js";
import { qr } from "./qr.js";
import { solveTriangular } from "./triangular.js";

/**
 * a⁻¹·b for general `a` `[…, n, n]`, `b` `[…, n, k]` with equal leading axes, by QR: backward stable without pivoting.
 * Differentiable. Singular `a` gives infinities or NaN.
 */
export function solve(a: Tensor, b: Tensor): Tensor {
  squareSize(a, "solve");
  return tidy(() => {
    const { Q, R } = qr(a);
    return solveTriangular(R, Q.transpose().matmul(b), { lower: false });
  });
}

/**
 * The Cayley transform (I − X/2)⁻¹·(I + X/2) of the skew part of `x` `[…, n, n]`: orthogonal, determinant 1, I + X + O(X²).
 * Differentiable; NaN gives NaN.
 *
 * For skew X both factors commute and (I − X/2)·(I + X/2) = I − X²/4 =: N is symmetric positive definite, so that the
 * transform is I + N⁻¹·(X + X²/2): half a product, one Cholesky, two triangular solves, about half of QR's work, in large
 * products. The squared condition of N, (1 + ‖X‖²/4) against its root for QR, costs nothing for ‖X‖ of a step (≤ 2 gives
 * ≤ 2) and one digit at ‖X‖ = 6; adding to I makes the rounding error proportional to ‖X‖.
 */
export function cayley(x: Tensor): Tensor {
  const n = squareSize(x, "cayley");
  return tidy(() => {
    const X = skewPart(x);
    const identity = eye(n, { dtype: x.dtype, backend: x.backend });
    // X² = −Xᵀ·X.
    const quarter = gramOf(X).mul(0.25);
    const L = choleskyUnchecked(identity.add(quarter));
    const inner = solveTriangular(L, X.sub(quarter.mul(2)));
    return identity.add(solveTriangular(L, inner, { transpose: true }));
  });
}
