import {
  breathe,
  copyInto,
  fromTyped,
  matmulInto,
  Tensor,
  tidy,
  toNumbers,
  tridiagonalPanelInto,
  zeros,
} from "@denoise-rotator/core";
import { blockFactor, panelShape, reflect } from "./reflectors.js";
import { tridiagonaliseOnHost } from "./tridiagonal-host.js";

/** A symmetric matrix as Q·T·Qᵀ; dispose of `V` and `tau`. */
export interface Tridiagonal {
  /** T's diagonal, and what lies beside it: element i couples i and i + 1, the last one is 0. */
  readonly diagonal: Float64Array;
  readonly offDiagonal: Float64Array;
  /** Q = H_0·H_1⋯, H_k = I − τ_k·v·vᵀ with v the row k of V `[n, n]`: zero up to column k, 1 at k + 1; the last one unused. */
  readonly V: Tensor;
  readonly tau: Tensor;
}

/** Reflectors found before the matrix is updated with one product. */
const panel = 32;
/** Reflectors applied at once to the eigenvectors. */
const block = 64;

/** Householder tridiagonalisation of exactly symmetric `a` `[n, n]`, n ≥ 1. */
export async function tridiagonalise(a: Tensor): Promise<Tridiagonal> {
  return a.backend.kernels.tridiagonalPanel && a.dtype === "f32" ? byPanels(a) : onHost(a);
}

async function onHost(a: Tensor): Promise<Tridiagonal> {
  const n = a.shape[0]!;
  const { diagonal, offDiagonal, reflectors, taus } = tridiagonaliseOnHost(
    Float64Array.from(await a.read()),
    n,
  );
  const on = (values: Float64Array, shape: number[]) =>
    fromTyped(a.dtype === "f64" ? values : Float32Array.from(values), shape, a.dtype, a.backend);
  return { diagonal, offDiagonal, V: on(reflectors, [n, n]), tau: on(taus, [n]) };
}

/**
 * Blocked (LAPACK sytrd): half of the work are products of the trailing matrix with one vector at a time, the other half
 * updates of its upper triangle by matrix products.
 */
async function byPanels(a: Tensor): Promise<Tridiagonal> {
  const n = a.shape[0]!;
  const like = { dtype: a.dtype, backend: a.backend };
  using work = Tensor.empty(a.backend, [n, n], a.dtype);
  copyInto(work, a);
  using factors = zeros([3, n], like);
  const V = zeros([n, n], like);
  try {
    for (let start = 0; start < n - 1; start += panel) {
      const stop = Math.min(n - 1, start + panel);
      tidy(() => step(work, V, factors, start, stop));
      await breathe();
    }
    tidy(() => copyInto(factors.slice([0, 1], [n - 1]), work.slice([n - 1], [n - 1])));
    using rows = tidy(() => factors.slice([0, 2]).contiguous());
    const values = Float64Array.from(await toNumbers(rows));
    const tau = tidy(() => factors.slice([2, 3]).squeeze(0).contiguous());
    return { diagonal: values.slice(0, n), offDiagonal: values.slice(n), V, tau };
  } catch (error) {
    V.dispose();
    throw error;
  }
}

/** Reflectors start … stop − 1, and what they make of the matrix to the right. */
function step(work: Tensor, V: Tensor, factors: Tensor, start: number, stop: number): void {
  const n = work.shape[0]!;
  const count = stop - start;
  // v, w and v again, so that [v; w] and [w; v] are windows.
  const rows = Tensor.empty(work.backend, [3 * count, n - start], work.dtype);
  const [v, w] = [rows.slice([0, count]), rows.slice([count, 2 * count])];
  tridiagonalPanelInto(work.slice([start], [start]), v, w, factors.slice(null, [start, stop]));
  copyInto(V.slice([start, stop], [start]), v);
  copyInto(rows.slice([2 * count]), v);
  const left = rows.slice([0, 2 * count], [count]).transpose();
  const right = rows.slice([count], [count]);
  const rest = work.slice([stop], [stop]);
  matmulInto(rest, left, right, { accumulate: true, alpha: -1, triangle: "upper" });
}

/** x ← Q·x in place, `x` `[n, m]`. */
export async function multiplyByBasis(x: Tensor, { V, tau }: Tridiagonal): Promise<void> {
  const n = V.shape[0]!;
  const starts = Array.from({ length: Math.ceil((n - 1) / block) }, (_, i) => i * block);
  for (const start of starts.reverse()) {
    tidy(() => {
      const stop = Math.min(n - 1, start + block);
      const vectors = V.slice([start, stop], [start + 1]).transpose();
      const T = blockFactor(vectors, tau.slice([start, stop]), panelShape(stop - start, x));
      reflect(x.slice([start + 1]), { V: vectors, T }, false);
    });
    await breathe();
  }
}
