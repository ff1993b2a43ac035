import { beforeAll, describe, expect, it } from "vitest";
import { type WasmBackend, wasm } from "../src/index.js";
import { both, expectClose, f32, type Given, normals } from "./support.js";

let backend: WasmBackend;
beforeAll(async () => {
  backend = await wasm();
});

/** Well conditioned: its diagonal dominates. */
const dominant = (n: number, seed: number) =>
  normals(n * n, seed).map((x, at) => (at % (n + 1) === 0 ? n + 2 + Math.abs(x) : x));

/** A · Aᵀ + 1. */
const positive = (n: number, seed: number) => {
  const a = normals(n * n, seed);
  return Array.from({ length: n * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    let sum = i === j ? n : 0;
    for (let k = 0; k < n; k++) sum += a[i * n + k]! * a[j * n + k]!;
    return sum;
  });
};

describe("triangularSolve", () => {
  const options = [true, false].flatMap((lower) =>
    [true, false].flatMap((transpose) =>
      [true, false].map((unitDiagonal) => ({ lower, transpose, unitDiagonal })),
    ),
  );
  it.each(options)("should match substitution in f64: %o", (option) => {
    for (const [n, k] of [
      [1, 1],
      [7, 5],
      [64, 33],
      [150, 40],
    ] as const) {
      const a = dominant(n, 3).map((x, at) => {
        const [i, j] = [Math.floor(at / n), at % n];
        const read = option.lower ? j <= i : j >= i;
        const scale = option.unitDiagonal && i !== j ? 1 / n : 1;
        return read ? x * scale : Number.NaN;
      });
      const run = both(backend, [f32([n, n], a), f32([n, k], normals(n * k, 5))], (b, [p, q]) =>
        b.kernels.triangularSolve(p!, q!, option),
      );
      expectClose(run, { relative: 1e-4, absolute: 1e-5 });
    }
  });
});

describe("choleskyPanel", () => {
  const info: Given = { dtype: "i32", shape: [1], values: [0] };
  it.each([0, 1, 2, 5, 33, 64, 130])("should factor in place and leave the upper triangle: n = %i", (n) => {
    const run = both(backend, [info, f32([n, n], positive(n, 4))], (b, [i, a]) =>
      b.kernels.choleskyPanel(a!, i!, { pivotBase: 0 }),
    );
    expectClose(run, { relative: 1e-5, absolute: 1e-5 });
  });

  it("should name the first bad pivot and fill what follows with NaN", () => {
    for (const bad of [0, -1, Number.NaN]) {
      const a = positive(6, 4).map((x, at) => (at === 3 * 7 ? bad : x));
      for (const result of [0, 1]) {
        const run = both(
          backend,
          [info, f32([6, 6], a)],
          (b, [i, x]) => b.kernels.choleskyPanel(x!, i!, { pivotBase: 40 }),
          result,
        );
        expectClose(run, { relative: 1e-5 });
        if (result === 0) expect(run.actual).toEqual([44]);
      }
    }
  });
});

describe("qrPanel", () => {
  it.each([
    [1, 1],
    [6, 4],
    [40, 32],
    [5, 5],
    [100, 70],
  ])("should match Householder in f64: %i × %i", (m, n) => {
    for (const result of [0, 1]) {
      const given = [f32([n], normals(n)), f32([m, n], normals(m * n, 2))];
      const run = both(backend, given, (b, [tau, a]) => b.kernels.qrPanel(a!, tau!), result);
      expectClose(run, { relative: 1e-4, absolute: 2e-5 });
    }
  });

  it.each([1e-30, 1e30])("should neither overflow nor lose digits for entries about %d", (size) => {
    const [m, n] = [50, 40];
    const values = normals(m * n, 3).map((x, at) => x * size * (at % n === 7 ? 1e-6 : 1));
    const run = both(backend, [f32([n], normals(n)), f32([m, n], values)], (b, [tau, a]) =>
      b.kernels.qrPanel(a!, tau!),
    );
    // Reflectors below the diagonal, about 1, and R above it, about `size`.
    run.expected.forEach((want, at) => {
      const scale = at % n < Math.floor(at / n) ? 1 : size * 10;
      expect(Math.abs(run.actual[at]! - want)).toBeLessThan(1e-4 * scale);
    });
  });

  it("should let NaN and infinity surface", () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const values = normals(20 * 5, 3).with(3 * 5 + 1, bad);
      const { actual } = both(backend, [f32([5], normals(5)), f32([20, 5], values)], (b, [tau, a]) =>
        b.kernels.qrPanel(a!, tau!),
      );
      expect(actual.slice(1, 5).every(Number.isFinite)).toBe(false);
    }
  });

  it("should give tau = 0 for columns that are zero below the diagonal", () => {
    const given = [f32([2, 2], [3, 1, 0, 2]), f32([2], [9, 9])];
    const run = both(backend, given, (b, [a, tau]) => b.kernels.qrPanel(a!, tau!));
    expectClose(run);
  });
});
