import { arange, type Backend, type Tensor, tidy, where } from "@denoise-rotator/core";

/** bool `[rows, columns]`: where row − column ≥ `from`. */
export const lowerMask = (rows: number, columns: number, from: number, backend: Backend): Tensor =>
  tidy(() =>
    arange(rows - from, { start: -from, backend })
      .unsqueeze(1)
      .greaterEqual(arange(columns, { backend })),
  );

/** The lower triangle of `[…, m, n]`, zeros above. `strict` leaves out the diagonal. Differentiable. */
export const lowerTriangle = (x: Tensor, options: { strict?: boolean } = {}): Tensor =>
  tidy(() => where(lowerMask(x.shape.at(-2)!, x.shape.at(-1)!, options.strict ? 1 : 0, x.backend), x, 0));

/** The upper triangle of `[…, m, n]`, zeros below. `strict` leaves out the diagonal. Differentiable. */
export const upperTriangle = (x: Tensor, options: { strict?: boolean } = {}): Tensor =>
  tidy(() => where(lowerMask(x.shape.at(-2)!, x.shape.at(-1)!, options.strict ? 0 : 1, x.backend), 0, x));

/** The diagonal of `[…, n, n]` in place, zeros elsewhere. Differentiable. */
export const diagonalMask = (x: Tensor): Tensor => tidy(() => upperTriangle(lowerTriangle(x)));
