import { copyInto, diagonalMatrix, eye, fillInto, type Tensor, tidy } from "@denoise-rotator/core";

/** Rows of the squares on the diagonal that are changed at a time. */
const square = 256;

/** a ← a + diag(change) for a matrix `[n, n]` nobody else holds and `change` `[n]`, without a second matrix. */
export function addDiagonalInto(a: Tensor, change: Tensor): void {
  eachCorner(a, (corner, range) => copyInto(corner, corner.add(diagonalMatrix(change.slice(range)))));
}

/** x ← the identity, for a matrix `[n, n]` nobody else holds. */
export function identityInto(x: Tensor): void {
  fillInto(x, 0);
  eachCorner(x, (corner) => copyInto(corner, eye(corner.shape[0]!, { dtype: x.dtype, backend: x.backend })));
}

function eachCorner(a: Tensor, body: (corner: Tensor, range: readonly [number, number]) => void): void {
  const n = a.shape[0]!;
  for (let start = 0; start < n; start += square) {
    const range = [start, Math.min(n, start + square)] as const;
    tidy(() => body(a.slice(range, range), range));
  }
}
