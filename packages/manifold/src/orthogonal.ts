import { tidy } from "@denoise-rotator/core";
import { cayley, polar, qr, skewPart } from "@denoise-rotator/linalg";
import { checkPoint, type Manifold } from "./manifold.js";
import { matrixMeanSquare, orthonormalityError } from "./orthonormal.js";

export interface OrthogonalOptions {
  /** A stack of that many independent matrices `[batch, n, n]`; default: one `[n, n]`. */
  readonly batch?: number;
  /**
   * `cayley` (default) R·cayley(Rᵀ·V); `qr` the Q of R + V; `polar` its orthogonal polar factor, the projection. All have
   * determinant det R for small steps; `cayley` for all, and never needs R + V to have full rank.
   */
  readonly retraction?: "qr" | "cayley" | "polar";
}

/** Orthogonal matrices, RᵀR = I; tangents at R are R·Ω with Ω skew. Random points are Haar distributed. */
export function orthogonal(n: number, options: OrthogonalOptions = {}): Manifold {
  const { batch, retraction = "cayley" } = options;
  const shape = batch === undefined ? [n, n] : [batch, n, n];
  const name = `orthogonal(${batch === undefined ? n : `${batch} × ${n}`})`;
  const error = orthonormalityError;
  return {
    name,
    shape,
    project: (x, g) => tidy(() => x.matmul(skewPart(x.transpose().matmul(g)))),
    retract: (x, v) =>
      tidy(() => {
        if (retraction === "cayley") return x.matmul(cayley(x.transpose().matmul(v)));
        return retraction === "qr" ? qr(x.add(v)).Q : polar(x.add(v));
      }),
    // Left translation: an isometry, and tangent at y without a projection.
    transport: (x, v, y) => tidy(() => y.matmul(x.transpose().matmul(v))),
    restore: (x) => tidy(() => qr(x).Q),
    random: (rng, creation) => tidy(() => qr(rng.normal(shape, creation)).Q),
    error,
    meanSquare: matrixMeanSquare,
    check: (x, tolerance) => checkPoint({ name, shape, error }, x, tolerance),
  };
}
