import { OptionError, tidy } from "@denoise-rotator/core";
import { polar, qr, symmetricPart } from "@denoise-rotator/linalg";
import { checkPoint, type Manifold } from "./manifold.js";
import { matrixMeanSquare, orthonormalityError } from "./orthonormal.js";

/**
 * Matrices `[n, p]` with orthonormal columns, n ≥ p (Absil, Mahony & Sepulchre 2008, §3.3.2, embedded metric). Tangents V
 * at X have skew Xᵀ·V. Retraction `qr` (default): Q of X + V; `polar`: its polar factor.
 */
export function stiefel(n: number, p: number, options: { retraction?: "qr" | "polar" } = {}): Manifold {
  if (!(n >= p)) throw new OptionError(`stiefel: ${p} orthonormal columns do not fit ${n} rows`);
  const shape = [n, p];
  const name = `stiefel(${n}, ${p})`;
  const error = orthonormalityError;
  const project: Manifold["project"] = (x, g) =>
    tidy(() => g.sub(x.matmul(symmetricPart(x.transpose().matmul(g)))));
  return {
    name,
    shape,
    project,
    retract: (x, v) => tidy(() => (options.retraction === "polar" ? polar(x.add(v)) : qr(x.add(v)).Q)),
    transport: (_, v, y) => project(y, v),
    restore: (x) => tidy(() => qr(x).Q),
    random: (rng, creation) => tidy(() => qr(rng.normal(shape, creation)).Q),
    error,
    meanSquare: matrixMeanSquare,
    check: (x, tolerance) => checkPoint({ name, shape, error }, x, tolerance),
  };
}
