import { type DType, eye, item, Random, type Tensor, tidy } from "@denoise-rotator/core";

export const largest = (x: Tensor): Promise<number> => item(tidy(() => x.abs().max().maximum(0)));
export const largestDifference = (a: Tensor, b: Tensor): Promise<number> => largest(a.sub(b));

/** ‖QᵀQ − I‖_max. */
export const orthonormality = (Q: Tensor): Promise<number> =>
  largestDifference(Q.transpose().matmul(Q), eye(Q.shape.at(-1)!, { dtype: Q.dtype, backend: Q.backend }));

export const normal = (seed: number, shape: readonly number[], dtype: DType = "f32"): Tensor =>
  new Random(seed).normal(shape, { dtype });

/** M·Mᵀ/n + shift·I. */
export const positiveDefinite = (seed: number, n: number, dtype: DType = "f32", shift = 0.1): Tensor =>
  tidy(() => {
    const m = normal(seed, [n, n], dtype);
    return m.matmul(m.transpose()).div(Math.max(1, n)).add(eye(n, { dtype }).mul(shift));
  });

/** Largest relative gap between df(x)[d] by differences of fourth order and ⟨gradient, d⟩. */
export async function directionalGap(
  f: (x: Tensor) => Tensor,
  x: Tensor,
  gradient: Tensor,
  direction: Tensor,
): Promise<number> {
  const h = 2e-4;
  const at = (t: number) => item(tidy(() => f(x.add(direction.mul(t)))));
  const central = async (t: number) => ((await at(t)) - (await at(-t))) / (2 * t);
  const measured = (4 * (await central(h)) - (await central(2 * h))) / 3;
  const claimed = await item(tidy(() => gradient.mul(direction).sum()));
  return Math.abs(measured - claimed) / (1 + Math.abs(measured));
}
