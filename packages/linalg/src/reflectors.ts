import {
  copyInto,
  eye,
  matmulInto,
  Tensor,
  tidy,
  triangularSolveInto,
  where,
  zeros,
} from "@denoise-rotator/core";
import { lowerMask } from "./triangle.js";

/** Householder reflectors in compact WY form: H_0·H_1⋯ = I − V·T·Vᵀ, T `[k, k]` upper triangular. */
export interface Reflectors {
  /** `[m, k]`, unit lower trapezoidal. */
  readonly V: Tensor;
  readonly T: Tensor;
}

/** Constants that all panels of one width share. */
export interface PanelShape {
  /** bool `[k, k]`: strictly below the diagonal. */
  readonly below: Tensor;
  readonly identity: Tensor;
}

export const panelShape = (k: number, like: Tensor): PanelShape => ({
  below: lowerMask(k, k, 1, like.backend),
  identity: eye(k, { dtype: like.dtype, backend: like.backend }),
});

/** The reflectors that the kernel `qrPanel` left below the diagonal of `factored` `[m, k]`. */
export function reflectorsOf(factored: Tensor, tau: Tensor, shape: PanelShape): Reflectors {
  return tidy(() => {
    const k = tau.shape[0]!;
    const V = Tensor.empty(factored.backend, factored.shape, factored.dtype);
    copyInto(V, factored);
    copyInto(V.slice([0, k]), where(shape.below, factored.slice([0, k]), shape.identity));
    return { V, T: blockFactor(V, tau, shape) };
  });
}

/**
 * T = (I + D·U)⁻¹·D with D = diag(τ) and U the strict upper triangle of VᵀV, which also holds where τ = 0 (Joffrin et
 * al. 2006, arXiv cs/0607038, divide by τ instead). `V` `[m, k]`.
 */
export function blockFactor(V: Tensor, tau: Tensor, { below, identity }: PanelShape): Tensor {
  return tidy(() => {
    const products = V.transpose().matmul(V).mul(tau.unsqueeze(1));
    const system = where(below.transpose(), products, 0);
    const T = identity.mul(tau);
    triangularSolveInto(T, system, { lower: false, transpose: false, unitDiagonal: true });
    return T;
  });
}

/**
 * x ← (I − V·op(T)·Vᵀ)·x in place. Computed by way of xᵀ·V, whose long side are rows: matrix products are quickest
 * where the narrow factor is the right one.
 */
export function reflect(x: Tensor, { V, T }: Reflectors, transpose: boolean): void {
  if (x.shape[1] === 0) return;
  tidy(() => {
    const weights = x
      .transpose()
      .matmul(V)
      .matmul(transpose ? T : T.transpose());
    matmulInto(x, V, weights.transpose(), { accumulate: true, alpha: -1 });
  });
}

/**
 * As `reflect` without transpose for an `x` `[m, n]` of the form [diag(signs) 0; 0 X]: of x, `signs` `[k]` and X are
 * read. The first product is then known but for X's part.
 */
export function reflectBordered(x: Tensor, { V, T }: Reflectors, signs: Tensor): void {
  tidy(() => {
    const [m, k] = V.shape as [number, number];
    const n = x.shape[1]!;
    const inner = zeros([n, k], { dtype: x.dtype, backend: x.backend });
    copyInto(inner.slice([0, k]), V.slice([0, k]).mul(signs.unsqueeze(1)));
    if (n > k) matmulInto(inner.slice([k]), x.slice([k, m], [k]).transpose(), V.slice([k]));
    const weights = inner.matmul(T.transpose());
    matmulInto(x, V, weights.transpose(), { accumulate: true, alpha: -1 });
  });
}
