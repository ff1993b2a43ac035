import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { type WasmBackend, wasm } from "../src/index.js";
import { blank, both, expectClose, f32, type Given, normals } from "./support.js";

let backend: WasmBackend;
beforeAll(async () => {
  backend = await wasm();
});

const product = (a: Given, b: Given, out: Given, alpha = 1, accumulate = false) =>
  both(backend, [a, b, out], (each, [x, y, z]) => each.kernels.matmul(x!, y!, z!, { alpha, accumulate }));

/** f32 sums of k terms of magnitude about 1. */
const bound = (k: number) => ({ relative: 1e-5, absolute: 2e-6 * Math.sqrt(k + 1) + 1e-6 });

describe("matmul", () => {
  it("should agree with f64 for any size, orientation, alpha and accumulation", () => {
    const size = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 20, max: 70 }));
    const flags = fc.record({
      aTransposed: fc.boolean(),
      bTransposed: fc.boolean(),
      accumulate: fc.boolean(),
      alpha: fc.constantFrom(1, -1, 0.3),
    });
    fc.assert(
      fc.property(size, size, size, flags, (m, n, k, { aTransposed, bTransposed, accumulate, alpha }) => {
        const layout = (transposed: boolean) => (transposed ? { layout: [1, 0] } : {});
        const a = f32([m, k], normals(m * k, 3), layout(aTransposed));
        const b = f32([k, n], normals(k * n, 5), layout(bTransposed));
        const out = f32([m, n], normals(m * n, 7));
        expectClose(product(a, b, out, alpha, accumulate), bound(k));
      }),
      { numRuns: 120 },
    );
  });

  it.each([
    [200, 3100, 9],
    [3, 5, 1000],
    [385, 33, 770],
    [7, 530, 801],
  ])("should agree with f64 across blocks: %i × %i × %i", (m, n, k) => {
    const [a, b] = [f32([m, k], normals(m * k)), f32([k, n], normals(k * n, 2))];
    expectClose(product(a, b, blank("f32", [m, n])), bound(k));
  });

  it("should broadcast and permute batches", () => {
    const a = f32([2, 3, 5, 4], normals(120), { layout: [0, 2, 1, 3] });
    const b = f32([1, 3, 4, 6], normals(72, 2), { broadcast: { 0: 2 } });
    expectClose(product(a, b, blank("f32", [2, 3, 5, 6])), bound(4));
    const shared = f32([1, 4, 6], normals(24, 2), { broadcast: { 0: 2 } });
    expectClose(product(f32([2, 5, 4], normals(40)), shared, blank("f32", [2, 5, 6])), bound(4));
  });

  it("should copy factors without a unit stride", () => {
    const a = f32([4, 3, 5], normals(60), { layout: [1, 2, 0] });
    const b = f32([4, 5, 3], normals(60, 2), { layout: [2, 1, 0] });
    expectClose(product(a, b, blank("f32", [4, 3, 3])), bound(5));
  });

  it("should read 16-bit factors", () => {
    const a: Given = { dtype: "bf16", shape: [5, 6], values: normals(30) };
    const b: Given = { dtype: "f16", shape: [6, 4], values: normals(24, 2) };
    expectClose(product(a, b, blank("f32", [5, 4])), bound(6));
  });

  it.each([
    [9, 8, 33],
    [70, 41, 50],
    [200, 900, 400],
  ])("should unpack 16-bit factors while packing: %i × %i × %i", (m, n, k) => {
    const types = ["f32", "bf16", "f16"] as const;
    for (const [i, first] of types.entries()) {
      const second = types[(i + 1) % 3]!;
      const layouts =
        i === 0
          ? [
              [0, 1],
              [1, 0],
            ]
          : [
              [1, 0],
              [0, 1],
            ];
      const a: Given = { dtype: first, shape: [m, k], values: normals(m * k), layout: layouts[0]! };
      const b: Given = {
        dtype: second,
        shape: [k, n],
        values: normals(k * n, 2),
        layout: layouts[1]!,
        offset: 3,
      };
      expectClose(product(a, b, blank("f32", [m, n]), 0.5), bound(k));
    }
  });

  it("should write rows of a wider matrix", () => {
    for (const [m, n] of [
      [5, 3],
      [5, 1],
      [1, 3],
    ] as const) {
      const given = [f32([m, 4], normals(20)), f32([4, n], normals(12, 2)), blank("f32", [m, 8])];
      const run = both(backend, given, (each, [x, y, z]) => {
        const window = { ...z!, shape: [m, n], offset: 2 };
        each.kernels.matmul(x!, y!, window, { alpha: 1, accumulate: true });
      });
      expectClose(run, bound(4));
    }
  });

  it("should give zeros for k = 0, or leave what is accumulated onto", () => {
    const [a, b] = [f32([3, 0], []), f32([0, 2], [])];
    expect(product(a, b, blank("f32", [3, 2])).actual).toEqual([0, 0, 0, 0, 0, 0]);
    expect(product(a, b, blank("f32", [3, 2]), 1, true).actual).toEqual([7, 7, 7, 7, 7, 7]);
    expect(product(f32([0, 3], []), f32([3, 2], normals(6)), blank("f32", [0, 2])).actual).toEqual([]);
  });

  it("should keep NaN and infinities where they belong", () => {
    for (const [m, n, k] of [
      [9, 11, 13],
      [1, 11, 13],
      [9, 1, 13],
    ] as const) {
      for (const special of [Number.NaN, Number.POSITIVE_INFINITY]) {
        for (const layout of [
          [0, 1],
          [1, 0],
        ]) {
          const left = normals(m * k);
          left[k - 1] = special;
          const right = normals(k * n, 2);
          right[(k - 1) * n] = 0;
          expectClose(
            product(f32([m, k], left, { layout }), f32([k, n], right, { layout }), blank("f32", [m, n])),
            bound(k),
          );
        }
      }
    }
  });
});

describe("syrk", () => {
  const naive = (
    rows: number,
    d: number,
    x: readonly number[],
    out: readonly number[],
    accumulate: boolean,
  ) =>
    Array.from({ length: d * d }, (_, at) => {
      const [i, j] = [Math.floor(at / d), at % d];
      let sum = accumulate ? Math.fround(out[at]!) : 0;
      for (let r = 0; r < rows; r++) {
        sum += 0.5 * Math.fround(x[r * d + i]!) * Math.fround(x[r * d + j]!);
      }
      return sum;
    });

  it.each([
    [7, 5],
    [40, 33],
    [3, 530],
    [0, 4],
  ])("should give alpha·xᵀ·x on both triangles: %i × %i", (rows, d) => {
    for (const accumulate of [false, true]) {
      for (const layout of [
        [0, 1],
        [1, 0],
      ]) {
        const [x, out] = [normals(rows * d), normals(d * d, 9)];
        const { actual } = runOn([f32([rows, d], x, { layout }), f32([d, d], out)], accumulate);
        expectClose({ expected: naive(rows, d, x, out, accumulate), actual }, bound(rows));
      }
    }
  });

  it("should be exactly symmetric", () => {
    const { actual } = runOn([f32([50, 37], normals(1850)), blank("f32", [37, 37])], false);
    for (let i = 0; i < 37; i++)
      for (let j = 0; j < i; j++) expect(actual[i * 37 + j]).toBe(actual[j * 37 + i]);
  });

  const runOn = (given: readonly Given[], accumulate: boolean) =>
    both(backend, given, (each, [x, out]) => each.kernels.syrk?.(x!, out!, { alpha: 0.5, accumulate }));
});
