import type { DType } from "@denoise-rotator/core";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { type WasmBackend, wasm } from "../src/index.js";
import { blank, both, expectClose, f32, type Given, normals } from "./support.js";

let backend: WasmBackend;
beforeAll(async () => {
  backend = await wasm();
});

const indices = (list: readonly number[], shape: readonly number[] = [list.length]): Given => ({
  dtype: "i32",
  shape,
  values: list,
});
/** Values with many ties, signed zeros, infinities and NaN. */
const tied = (count: number, seed: number) =>
  normals(count, seed).map((x, i) =>
    i % 11 === 3
      ? Number.NaN
      : i % 13 === 5
        ? Number.NEGATIVE_INFINITY
        : i % 5 === 2
          ? -0
          : Math.round(2 * x) / 2,
  );

describe("gather and scatterAdd", () => {
  it.each(["f32", "i32", "bool", "bf16"] as const)("should gather %s along any axis", (dtype: DType) => {
    for (const axis of [0, 1, 2]) {
      for (const layout of [
        [0, 1, 2],
        [2, 0, 1],
      ]) {
        const shape = [4, 5, 3];
        const numbers = Array.from({ length: 60 }, (_, i) => (dtype === "bool" ? i % 2 : i));
        const x: Given = { dtype, shape, values: numbers, layout, offset: 1 };
        const list = [2, 0, -1, 2, 5, 1];
        const out = blank(dtype, [...shape.slice(0, axis), 2, 3, ...shape.slice(axis + 1)]);
        const run = both(backend, [x, indices(list, [2, 3]), out], (b, [p, i, q]) =>
          b.kernels.gather(p!, i!, axis, q!),
        );
        expectClose(run);
      }
    }
  });

  it.each(["f32", "i32"] as const)(
    "should add %s at indices in order, dropping those out of range",
    (dtype) => {
      for (const axis of [0, 1]) {
        const list = [2, 2, 0, -1, 7, 1, 2];
        const x: Given = {
          dtype,
          shape: axis ? [4, 7] : [7, 3],
          values: normals(28).map((v) => Math.round(9 * v)),
        };
        const run = both(backend, [x, indices(list), blank(dtype, [4, 3])], (b, [p, i, q]) =>
          b.kernels.scatterAdd(p!, i!, axis, q!),
        );
        expectClose(run);
      }
    },
  );
});

describe("argsort", () => {
  it.each([1, 2, 3, 63, 64, 65, 700])("should be stable with NaN largest: rows of %i", (size) => {
    for (const descending of [false, true]) {
      for (const dtype of ["f32", "i32"] as const) {
        const numbers =
          dtype === "f32" ? tied(3 * size, size) : normals(3 * size).map((x) => Math.round(9 * x));
        const x: Given = { dtype, shape: [3, size], values: numbers, layout: [1, 0] };
        const run = both(backend, [x, blank("i32", [3, size])], (b, [p, q]) =>
          b.kernels.argsort(p!, q!, { descending }),
        );
        expectClose(run);
      }
    }
  });
});

describe("smallest", () => {
  const check = (x: Given, group: number, count: number) =>
    expectClose(
      both(backend, [x, blank("bool", x.shape)], (b, [p, q]) => b.kernels.smallest(p!, q!, { group, count })),
    );

  it("should mark exactly the smallest, ties to the lower index", () => {
    const groups = fc.constantFrom(1, 2, 3, 4, 8, 16, 31, 32, 33, 48, 129, 200);
    fc.assert(
      fc.property(
        groups,
        fc.nat(200),
        fc.integer({ min: 1, max: 9 }),
        fc.boolean(),
        (group, some, n, transposed) => {
          const size = 3 * n * group;
          const layout = transposed ? { layout: [1, 0] } : {};
          check(f32([3, n * group], tied(size, size), layout), group, some % (group + 1));
        },
      ),
      { numRuns: 80 },
    );
  });

  it("should take integers", () => {
    const x: Given = { dtype: "i32", shape: [6, 8], values: normals(48).map((v) => Math.round(2 * v)) };
    for (const group of [4, 8]) check(x, group, 2);
    const row = normals(400).map((v, i) =>
      i % 9 ? Math.round(2 ** 28 * v) : i % 2 ? 2 ** 31 - 1 : -(2 ** 31),
    );
    for (const count of [1, 37, 38, 200, 399]) {
      check({ dtype: "i32", shape: [1, 400], values: row }, 400, count);
    }
  });

  it("should select from rows of one value, of two, and of values far apart", () => {
    const rows = [
      new Array<number>(300).fill(0),
      new Array<number>(300).fill(Number.NaN),
      normals(300).map((x) => Math.sign(x)),
      normals(300).map((x, i) => (i === 299 ? 3e38 : x * 1e-38)),
      normals(300).map((x) => x * x),
    ];
    for (const row of rows) for (const count of [1, 150, 299]) check(f32([1, 300], row), 300, count);
  });

  it("should select from half a million at once", () => {
    const size = 1 << 19;
    const x = normals(size).map((v) => Math.fround(Math.round(100 * v) / 100));
    const { actual } = { actual: mark(f32([size], x), size, size / 2) };
    expect(actual.reduce((sum, bit) => sum + bit, 0)).toBe(size / 2);
    let largestMarked = Number.NEGATIVE_INFINITY;
    let smallestUnmarked = Number.POSITIVE_INFINITY;
    actual.forEach((bit, i) => {
      if (bit) largestMarked = Math.max(largestMarked, x[i]!);
      else smallestUnmarked = Math.min(smallestUnmarked, x[i]!);
    });
    expect(largestMarked).toBeLessThanOrEqual(smallestUnmarked);
  });
  const mark = (x: Given, group: number, count: number) =>
    both(backend, [x, blank("bool", x.shape)], (b, [p, q]) => {
      if (b.name === "wasm") b.kernels.smallest(p!, q!, { group, count });
    }).actual;
});
