import { formatShape, ShapeError, type Tensor, tidy, where } from "@denoise-rotator/core";
import { gramOf, matrixShape } from "./matrices.js";

const matrixAxes = { axis: [-2, -1], keepDims: true } as const;

/**
 * The orthogonal polar factor U·Vᵀ of `a` = U·Σ·Vᵀ `[…, m, n]`, m ≥ n, full column rank: the nearest matrix with
 * orthonormal columns. Newton–Schulz X ← X·(3·I − Xᵀ·X)/2 (Higham, Functions of Matrices, §8.3), wholly in ops, hence
 * differentiable. It starts at a/√‖aᵀa‖_∞, whose largest singular value is ≤ 1, and is 1 where `a` is orthogonal already.
 *
 * The smallest singular value grows by 1.5 an iteration until it is about 1, then convergence is quadratic: about
 * 2.5·ln(condition) + 6 iterations.
 *
 * @param options.iterations default 30, enough for condition numbers up to 10⁴ in f32.
 */
export function polar(a: Tensor, options: { readonly iterations?: number } = {}): Tensor {
  const { iterations = 30 } = options;
  const [m, n] = matrixShape(a, "polar");
  if (m < n) throw new ShapeError(`polar: ${formatShape(a.shape)} has more columns than rows`);
  return tidy(() => {
    const bound = gramOf(a).abs().sum({ axis: -1, keepDims: true }).max(matrixAxes).sqrt();
    let x = a.div(where(bound.equal(0), 1, bound));
    for (let i = 0; i < iterations; i++) {
      const previous = x;
      x = tidy(() => previous.mul(1.5).sub(previous.matmul(gramOf(previous)).mul(0.5)));
    }
    return x;
  });
}

/**
 * The quintic of Muon (Jordan et al. 2024): a/(‖a‖_F + 1e-12), then `steps` times X ← 3.4445·X + (−4.775·S + 2.0315·S²)·X,
 * S = X·Xᵀ. It pushes the singular values of each matrix of `a` `[…, m, n]` into about 0.7…1.2, not to 1: a fast stand-in
 * for {@link polar} where directions matter and lengths do not. Skew matrices stay skew up to rounding.
 *
 * @param steps default 5.
 */
export function newtonSchulz5(a: Tensor, steps = 5): Tensor {
  const [m, n] = matrixShape(a, "newtonSchulz5");
  return tidy(() => {
    // The smaller of X·Xᵀ and Xᵀ·X; both are symmetric, so that S² = Sᵀ·S.
    const wide = m <= n;
    let x = a.div(a.square().sum(matrixAxes).sqrt().add(1e-12));
    for (let i = 0; i < steps; i++) {
      const previous = x;
      x = tidy(() => {
        const S = gramOf(wide ? previous.transpose() : previous);
        const weights = S.mul(-4.775).add(gramOf(S).mul(2.0315));
        const turned = wide ? weights.matmul(previous) : previous.matmul(weights);
        return previous.mul(3.4445).add(turned);
      });
    }
    return x;
  });
}
