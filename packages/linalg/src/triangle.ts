import { arange, type Tensor, tidy, where } from "@denoise-rotator/core";

/** Keeps the elements with row − column ≥ `from` of the last two axes, zeros elsewhere (also where NaN stood). */
function keep(x: Tensor, from: number, sign: 1 | -1): Tensor {
  return tidy(() => {
    const [rows, columns] = x.shape.slice(-2) as [number, number];
    const row = arange(rows, { backend: x.backend }).unsqueeze(1);
    const distance = row.sub(arange(columns, { backend: x.backend })).mul(sign);
    return where(distance.greaterEqual(from), x, 0);
  });
}

/** The lower triangle of `[…, m, n]`, zeros above. `strict` leaves out the diagonal. Differentiable. */
export const lowerTriangle = (x: Tensor, options: { strict?: boolean } = {}): Tensor =>
  keep(x, options.strict ? 1 : 0, 1);

/** The upper triangle of `[…, m, n]`, zeros below. `strict` leaves out the diagonal. Differentiable. */
export const upperTriangle = (x: Tensor, options: { strict?: boolean } = {}): Tensor =>
  keep(x, options.strict ? 1 : 0, -1);

/** The diagonal of `[…, n, n]` in place, zeros elsewhere. Differentiable. */
export const diagonalMask = (x: Tensor): Tensor => tidy(() => upperTriangle(lowerTriangle(x)));
