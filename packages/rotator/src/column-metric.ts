import type { ColumnScale } from "@denoise-rotator/contracts";
import { gram, type Tensor, tidy, where } from "@denoise-rotator/core";
import { factorDamped, invertLowerInPlace } from "@denoise-rotator/linalg";

/** How S weighs the columns of a rotated weight: h = diag(Rᵀ·matrix·R), or its reciprocal where `inverse`. */
export interface ColumnMetric {
  /** H (Wanda) or the inverse of the damped H (SparseGPT), `[in, in]`, scaled to a mean diagonal of 1. */
  readonly matrix: Tensor;
  readonly inverse: boolean;
}

/**
 * The metric of `scale` from H `[in, in]`; `undefined` for `one`. Damping `damping · mean(diag H)` goes onto H before it
 * is inverted, and nothing afterwards. The mean diagonal of 1 keeps f32 in range: every objective is invariant to it.
 */
export async function columnMetric(
  H: Tensor | undefined,
  scale: ColumnScale,
  options: { damping: number; name: string },
): Promise<ColumnMetric | undefined> {
  if (scale === "one" || !H) return undefined;
  if (scale === "diagonal") return { matrix: withUnitMeanDiagonal(H), inverse: false };
  const { L } = await factorDamped(H, options);
  using inverse = inverseOf(L);
  return { matrix: withUnitMeanDiagonal(inverse), inverse: true };
}

/** L⁻ᵀ·L⁻¹ as `choleskyInverse`; takes L over. */
function inverseOf(L: Tensor): Tensor {
  using factor = L;
  invertLowerInPlace(factor);
  return gram(factor);
}

const withUnitMeanDiagonal = (matrix: Tensor): Tensor =>
  tidy(() => {
    const mean = matrix.diagonal().mean();
    return matrix.div(where(mean.equal(0), 1, mean));
  });

/** h of the unrotated columns, `[in]`. */
export const unrotatedScale = (metric: ColumnMetric): Tensor =>
  tidy(() =>
    metric.inverse ? metric.matrix.diagonal().reciprocal() : metric.matrix.diagonal().contiguous(),
  );

/** h under a rotation, and what its gradient needs. */
export interface RotatedScale {
  /** Column scale, `[…, n]`. */
  readonly h: Tensor;
  /** matrix·R, `[…, n, n]`. */
  readonly turned: Tensor;
  readonly inverse: boolean;
}

/** h = diag(Rᵀ·matrix·R) (or 1 over it) for `matrix` and `R` `[…, n, n]`, leading axes broadcast: one product. */
export function rotatedScale(metric: ColumnMetric, R: Tensor): RotatedScale {
  const turned = metric.matrix.matmul(R);
  const q = turned.mul(R).sum({ axis: -2 });
  return { h: metric.inverse ? q.reciprocal() : q, turned, inverse: metric.inverse };
}

/** ½·∂f/∂R from ∂f/∂h: matrix·R·diag(∂f/∂q), with dq = −h²·dh for the reciprocal. */
export function rotatedScaleGradient({ h, turned, inverse }: RotatedScale, dh: Tensor): Tensor {
  const dq = inverse ? dh.mul(h.square()).neg() : dh;
  return turned.mul(dq.unsqueeze(-2));
}
