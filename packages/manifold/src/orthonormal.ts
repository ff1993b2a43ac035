import { eye, type Tensor, tidy } from "@denoise-rotator/core";

/** Largest element of |xᵀ·x − I| over `[…, n, p]`, shape `[]`; 0 where empty. */
export const orthonormalityError = (x: Tensor): Tensor =>
  tidy(() => {
    const identity = eye(x.shape.at(-1)!, { dtype: x.dtype, backend: x.backend });
    return x.transpose().matmul(x).sub(identity).abs().max().maximum(0);
  });

/** Mean square of each matrix's entries, `[…, 1, 1]`. */
export const matrixMeanSquare = (v: Tensor): Tensor =>
  tidy(() => v.square().mean({ axis: [-2, -1], keepDims: true }));
