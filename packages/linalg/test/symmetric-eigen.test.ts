import {
  createCpuBackend,
  eye,
  fromArray,
  item,
  NonFiniteError,
  ShapeError,
  type Tensor,
  tensor,
  tidy,
} from "@denoise-rotator/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { qr, symmetricEigen, symmetricPart } from "../src/index.js";
import { rankOneUpdate } from "../src/rank-one-update.js";
import { largest, largestDifference, normal, orthonormality } from "./support.js";

/** Q·diag(values)·Qᵀ for a random orthogonal Q. */
const withEigenvalues = (values: readonly number[], seed: number): Tensor =>
  tidy(() => {
    const { Q } = qr(normal(seed, [values.length, values.length], "f64"));
    const spectrum = fromArray([...values], [values.length], { dtype: "f64" });
    return symmetricPart(Q.mul(spectrum).matmul(Q.transpose()));
  });

/** Eigenvalues of many kinds, n of them. */
const spectra: Record<string, (i: number, n: number) => number> = {
  spread: (i, n) => i - n / 3,
  "in three clusters": (i) => [-1, 2, 2 + 1e-14][i % 3]!,
  graded: (i) => 10 ** (-i / 3),
  "rank deficient": (i) => (i < 3 ? i + 1 : 0),
  equal: () => 5,
  huge: (i) => 1e200 * (1 + i),
  tiny: (i) => 1e-200 * (1 + i),
};

async function expectDecomposition(a: Tensor, tolerance: number): Promise<number[]> {
  const { values, vectors } = await symmetricEigen(a);
  const eigenvalues = Array.from(await values.read());
  expect(eigenvalues).toEqual(eigenvalues.toSorted((p, q) => p - q));
  expect(await orthonormality(vectors)).toBeLessThan(tolerance);
  const size = await largest(values);
  const residual = await largestDifference(a.matmul(vectors), vectors.mul(values));
  expect(residual).toBeLessThanOrEqual(tolerance * size);
  return eigenvalues;
}

describe("symmetricEigen", () => {
  // Around the sizes at which divide and conquer starts to divide.
  it.each([0, 1, 2, 3, 31, 32, 33, 64, 65, 130])("should diagonalise at n = %i", async (n) => {
    await expectDecomposition(
      tidy(() => symmetricPart(normal(n, [n, n], "f64"))),
      1e-13 * (n + 10),
    );
    await expectDecomposition(
      tidy(() => symmetricPart(normal(n, [n, n]))),
      1e-7 * (n + 10),
    );
  });

  it("should hold for every spectrum", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Object.keys(spectra)),
        fc.integer({ min: 1, max: 110 }),
        fc.nat(),
        async (name, n, seed) => {
          const expected = Array.from({ length: n }, (_, i) => spectra[name]!(i, n)).sort((p, q) => p - q);
          const found = await expectDecomposition(withEigenvalues(expected, seed), 1e-12);
          const size = Math.max(...expected.map(Math.abs));
          found.forEach((value, i) => {
            expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-12 * size);
          });
        },
      ),
      { numRuns: 25 },
    );
  });

  it.each([
    ["diagonal", () => 0],
    ["made of blocks", (i: number) => (i % 20 === 19 ? 0 : 1)],
    ["Wilkinson's", () => 1],
    ["negatively coupled", () => -0.5],
  ])("should diagonalise a matrix that is tridiagonal already and %s", async (_, coupling) => {
    const n = 81;
    const entries = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      entries[i * n + i] = Math.abs(i - (n - 1) / 2);
      if (i > 0) entries[i * n + i - 1] = entries[(i - 1) * n + i] = coupling(i - 1);
    }
    await expectDecomposition(fromArray(entries, [n, n], { dtype: "f64" }), 1e-13);
  });

  it("should give the identity for the identity", async () => {
    const { values, vectors } = await symmetricEigen(eye(40));
    expect(Array.from(await values.read())).toEqual(new Array(40).fill(1));
    expect(await largestDifference(vectors.matmul(vectors.transpose()), eye(40))).toBe(0);
  });

  it("should make the largest component positive", async () => {
    const { vectors } = await symmetricEigen(symmetricPart(normal(4, [90, 90])));
    const largestOf = vectors.max({ axis: 0 });
    expect(
      await item(
        largestOf
          .sub(vectors.abs().max({ axis: 0 }))
          .abs()
          .max(),
      ),
    ).toBe(0);
  });

  it("should refuse NaN and infinity in either triangle, and what is no matrix", async () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const failure = symmetricEigen(fromArray([1, bad, 0, 1], [2, 2]), { name: "H" });
      await expect(failure).rejects.toThrow(NonFiniteError);
      await expect(failure).rejects.toThrow(`H holds ${bad} at [0, 1]`);
    }
    await expect(symmetricEigen(tensor([[1, 2]]))).rejects.toThrow(ShapeError);
    await expect(symmetricEigen(eye(2).reshape([1, 2, 2]))).rejects.toThrow(ShapeError);
  });

  it("should leave nothing behind but its results, and give the same bytes again", async () => {
    const a = await tidy(() => symmetricPart(normal(6, [70, 70]))).to(createCpuBackend());
    const before = a.backend.capabilities.allocatedBytes();
    const runs = [await symmetricEigen(a), await symmetricEigen(a)];
    const [first, second] = [await runs[0]!.vectors.read(), await runs[1]!.vectors.read()];
    expect(first).toEqual(second);
    for (const { values, vectors } of runs) {
      values.dispose();
      vectors.dispose();
    }
    expect(a.backend.capabilities.allocatedBytes()).toBe(before);
  });
});

describe("rankOneUpdate", () => {
  it("should diagonalise diag(d) + ρ·z·zᵀ to the last digits, whatever the gaps and weights", () => {
    const decades = (low: number) => fc.double({ min: low, max: 0, noNaN: true }).map((x) => 10 ** x);
    const entry = fc.record({
      gap: fc.oneof(decades(-16), fc.constant(0)),
      z: fc.oneof(decades(-18), fc.constant(0)),
      negative: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 40 }), decades(-8), (entries, rho) => {
        let at = -1;
        const d = Float64Array.from(entries, ({ gap }) => {
          at += gap;
          return at;
        });
        const raw = entries.map(({ z, negative }) => (negative ? -z : z));
        const length = Math.hypot(...raw) || 1;
        const z = Float64Array.from(raw, (x) => x / length);
        const { values, vector } = rankOneUpdate(d, z, rho)!;
        const size = Math.max(...d.map(Math.abs), rho);
        const vectors = Array.from(values, (_, j) => {
          const row = new Float64Array(d.length);
          vector(j, row);
          return row;
        });
        const dot = (x: Float64Array, y: Float64Array) => x.reduce((sum, value, i) => sum + value * y[i]!, 0);
        vectors.forEach((x, j) => {
          vectors.forEach((y, i) => {
            expect(Math.abs(dot(x, y) - Number(i === j))).toBeLessThan(2e-14);
          });
          const along = rho * dot(z, x);
          x.forEach((value, i) => {
            const residual = d[i]! * value + along * z[i]! - values[j]! * value;
            expect(Math.abs(residual)).toBeLessThan(5e-15 * size * Math.sqrt(d.length));
          });
        });
      }),
      { numRuns: 200 },
    );
  });
});
