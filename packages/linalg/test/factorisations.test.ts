import { eye, fromArray, NotPositiveDefiniteError, ShapeError, tensor, tidy } from "@denoise-rotator/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  cayley,
  cholesky,
  choleskyInverse,
  choleskyUnchecked,
  inverseSpd,
  inverseTriangular,
  invertLowerInPlace,
  lowerTriangle,
  newtonSchulz5,
  polar,
  qr,
  skewPart,
  solve,
  solveTriangular,
  symmetricEigen,
  upperTriangle,
} from "../src/index.js";
import { largest, largestDifference, normal, orthonormality, positiveDefinite } from "./support.js";

// Around the panel sizes 32 and 64.
const sizes = [0, 1, 2, 31, 32, 33, 65, 130];

describe("cholesky", () => {
  it.each(sizes)("should reproduce its matrix at n = %i", async (n) => {
    const a = positiveDefinite(n, n);
    const L = await cholesky(a);
    expect(await largestDifference(L.matmul(L.transpose()), a)).toBeLessThan(2e-6);
    expect(await largest(upperTriangle(L, { strict: true }))).toBe(0);
  });

  it("should name matrix and pivot where it fails", async () => {
    const values = new Float64Array(100 * 100);
    for (let i = 0; i < 100; i++) values[i * 101] = i === 70 ? -1 : 1;
    const a = fromArray(values, [100, 100]);
    const failure = cholesky(a, { name: "blocks.0.qProj" });
    await expect(failure).rejects.toThrow(NotPositiveDefiniteError);
    await expect(failure).rejects.toMatchObject({
      pivot: 70,
      message: expect.stringContaining("blocks.0.qProj"),
    });
    const unchecked = Array.from(await choleskyUnchecked(a).read());
    expect(unchecked.slice(0, 69 * 100).every(Number.isFinite)).toBe(true);
    expect(unchecked.at(-1)).toBeNaN();
  });

  it("should report NaN as a failing pivot", async () => {
    await expect(
      cholesky(
        tensor([
          [1, 0],
          [0, Number.NaN],
        ]),
      ),
    ).rejects.toMatchObject({ pivot: 1 });
  });

  it.each([1, 33, 100])("should invert at n = %i", async (n) => {
    const a = positiveDefinite(n, n, "f64");
    const inverse = await inverseSpd(a);
    expect(await largestDifference(inverse.matmul(a), eye(n, { dtype: "f64" }))).toBeLessThan(1e-11);
    expect(await largestDifference(inverse, inverse.transpose())).toBeLessThan(1e-14);
    const stacked = choleskyInverse((await cholesky(a)).reshape([1, n, n]));
    expect(await largestDifference(stacked.squeeze(0), inverse)).toBeLessThan(1e-12);
  });

  it("should factor a stack", async () => {
    const a = tidy(() => normal(1, [3, 5, 5]));
    const spd = tidy(() => a.matmul(a.transpose()).add(eye(5)));
    const L = await cholesky(spd);
    expect(await largestDifference(L.matmul(L.transpose()), spd)).toBeLessThan(1e-5);
  });
});

describe("triangular solve and inverse", () => {
  it.each(sizes)("should invert in place to the same bits at n = %i", async (n) => {
    using L = tidy(() => lowerTriangle(normal(n, [n, n]).div(2 * n + 1)).add(eye(n).mul(2)));
    using inverse = inverseTriangular(L);
    invertLowerInPlace(L);
    expect(await L.read()).toEqual(await inverse.read());
  });

  it("should solve for every flag, size and stack", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          n: fc.integer({ min: 1, max: 140 }),
          k: fc.integer({ min: 0, max: 5 }),
          lower: fc.boolean(),
          transpose: fc.boolean(),
          unitDiagonal: fc.boolean(),
          stacked: fc.boolean(),
        }),
        async ({ n, k, stacked, ...options }) => {
          const lead = stacked ? [2] : [];
          const noise = normal(n, [...lead, n, n], "f64").div(2 * n);
          const a = noise.add(eye(n, { dtype: "f64" }).mul(2));
          const b = normal(n + 1, [...lead, n, k], "f64");
          const x = solveTriangular(a, b, options);
          const triangle = (options.lower ? lowerTriangle : upperTriangle)(a, {
            strict: options.unitDiagonal,
          });
          const full = options.unitDiagonal ? triangle.add(eye(n, { dtype: "f64" })) : triangle;
          const product = (options.transpose ? full.transpose() : full).matmul(x);
          expect(await largestDifference(product, b)).toBeLessThan(1e-12);
          const inverse = inverseTriangular(a, options);
          expect(await largestDifference(inverse.matmul(full), eye(n, { dtype: "f64" }))).toBeLessThan(1e-12);
        },
      ),
      { numRuns: 25 },
    );
  });

  it("should refuse shapes that do not fit", () => {
    expect(() => solveTriangular(eye(3), eye(2))).toThrow(ShapeError);
    expect(() => inverseTriangular(tensor([[1, 2]]))).toThrow(ShapeError);
  });
});

describe("qr", () => {
  it.each([
    [0, 0],
    [1, 1],
    [33, 33],
    [70, 40],
    [100, 1],
    [97, 97],
  ])("should factor %i × %i", async (m, n) => {
    const a = normal(m, [m, n]);
    const { Q, R } = qr(a);
    expect(await orthonormality(Q)).toBeLessThan(2e-6);
    expect(await largestDifference(Q.matmul(R), a)).toBeLessThan(1e-5);
    expect(await largest(lowerTriangle(R, { strict: true }))).toBe(0);
    expect(Array.from(await R.diagonal().read()).every((x) => x > 0)).toBe(true);
  });

  it("should keep Q orthonormal where columns depend on each other or are zero", async () => {
    const column = normal(1, [40, 1]);
    const { Q, R } = qr(column.matmul(normal(2, [1, 40])));
    expect(await orthonormality(Q)).toBeLessThan(2e-6);
    expect(await largestDifference(Q.matmul(R), column.matmul(normal(2, [1, 40])))).toBeLessThan(1e-5);
    expect(await orthonormality(qr(eye(5).mul(0)).Q)).toBe(0);
  });

  it("should let NaN surface and refuse wide matrices", async () => {
    const a = normal(1, [40, 40]).add(eye(40).mul(Number.NaN));
    expect(await largest(qr(a).Q)).toBeNaN();
    expect(() => qr(normal(1, [2, 3]))).toThrow(ShapeError);
  });
});

describe("polar, Newton–Schulz, Cayley, solve", () => {
  it.each([
    [1, 1],
    [8, 8],
    [40, 12],
    [64, 64],
  ])("should find the polar factor of %i × %i", async (m, n) => {
    const a = normal(m * n, [m, n]);
    const U = polar(a);
    expect(await orthonormality(U)).toBeLessThan(3e-6);
    const P = U.transpose().matmul(a);
    expect(await largestDifference(P, P.transpose())).toBeLessThan(1e-4);
    await cholesky(P.add(P.transpose()).mul(0.5));
  });

  it("should push singular values towards 1", async () => {
    const X = newtonSchulz5(normal(3, [32, 32]), 8);
    const gram = X.transpose().matmul(X);
    const { values } = await symmetricEigen(gram);
    const squared = Array.from(await values.read());
    expect(Math.min(...squared.slice(1))).toBeGreaterThan(0.3);
    expect(Math.max(...squared)).toBeLessThan(1.6);
  });

  it.each([0.01, 1, 10])("should give orthogonal Cayley transforms at ‖X‖ about %d", async (scale) => {
    const X = tidy(() => skewPart(normal(5, [60, 60], "f64")).mul(scale / 10));
    const C = cayley(X);
    expect(await orthonormality(C)).toBeLessThan(1e-12);
    const identity = eye(60, { dtype: "f64" });
    const direct = solve(identity.sub(X.div(2)), identity.add(X.div(2)));
    expect(await largestDifference(C, direct)).toBeLessThan(1e-12);
    const single = cayley(X.cast("f32"));
    expect(await orthonormality(single)).toBeLessThan(1e-5);
  });

  it("should transform stacks and let NaN surface", async () => {
    const X = skewPart(normal(6, [3, 4, 4]));
    expect(await orthonormality(cayley(X))).toBeLessThan(1e-6);
    expect(await largest(cayley(X.mul(Number.NaN)))).toBeNaN();
    expect(await largest(solve(eye(3).mul(Number.NaN), eye(3)))).toBeNaN();
  });

  it("should solve general systems", async () => {
    const a = normal(8, [50, 50], "f64");
    const b = normal(9, [50, 3], "f64");
    expect(await largestDifference(a.matmul(solve(a, b)), b)).toBeLessThan(1e-10);
  });
});
