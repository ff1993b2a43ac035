import { grad, type Tensor, tidy, valueAndGrad } from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import {
  cayley,
  choleskyInverse,
  choleskyUnchecked,
  inverseTriangular,
  newtonSchulz5,
  polar,
  qr,
  solve,
  solveTriangular,
} from "../src/index.js";
import { directionalGap, normal, positiveDefinite } from "./support.js";

const n = 5;
const symmetric = (x: Tensor) => x.add(x.transpose());
const other = normal(11, [n, n], "f64");
const base = positiveDefinite(12, n, "f64");

const functions: Record<string, (x: Tensor) => Tensor> = {
  cholesky: (x) => choleskyUnchecked(symmetric(x)),
  choleskyInverse: (x) => choleskyInverse(choleskyUnchecked(symmetric(x))),
  inverseTriangular: (x) => inverseTriangular(x),
  inverseUnitUpper: (x) => inverseTriangular(x, { lower: false, unitDiagonal: true }),
  solveTriangular: (x) => solveTriangular(x, other, { lower: false, transpose: true }),
  "solveTriangular of b": (x) => solveTriangular(base, x, { transpose: true }),
  "solveTriangular unit": (x) => solveTriangular(x, other, { unitDiagonal: true }),
  Q: (x) => qr(x).Q,
  R: (x) => qr(x).R,
  "tall Q": (x) => qr(x.slice(null, [0, 3])).Q,
  "stacked Q": (x) => qr(x.reshape([1, n, n])).Q,
  solve: (x) => solve(x, other),
  cayley: (x) => cayley(x),
  polar: (x) => polar(x, { iterations: 40 }),
  newtonSchulz5: (x) => newtonSchulz5(x, 3),
};

describe("gradients in f64", () => {
  const x = tidy(() => base.add(normal(13, [n, n], "f64").mul(0.05)));
  const direction = normal(14, [n, n], "f64");

  it.each(Object.entries(functions))("should match finite differences: %s", async (_, f) => {
    const scalar = (y: Tensor) => {
      const out = f(y);
      return out.mul(normal(15, out.shape, "f64")).sum();
    };
    const { grads } = valueAndGrad(scalar)(x);
    expect(await directionalGap(scalar, x, grads[0]!, direction)).toBeLessThan(1e-8);
    const slope = (y: Tensor) => grad(scalar)(y).mul(direction).sum();
    const second = grad(slope)(x);
    expect(await directionalGap(slope, x, second, direction)).toBeLessThan(1e-6);
  });
});
