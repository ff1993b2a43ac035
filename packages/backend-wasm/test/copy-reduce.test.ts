import { type DType, type ReduceOp, toBFloat16, toFloat16 } from "@denoise-rotator/core";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { type WasmBackend, wasm } from "../src/index.js";
import { awkward, blank, both, expectClose, f32, type Given, normals, place, values } from "./support.js";

let backend: WasmBackend;
beforeAll(async () => {
  backend = await wasm();
});

const dtypes: readonly DType[] = ["f32", "i32", "bool", "f16", "bf16"];

describe("copy", () => {
  it.each(dtypes.flatMap((from) => dtypes.map((to) => [from, to] as const)))(
    "should cast %s to %s",
    (from, to) => {
      const halves = [
        65504,
        65519,
        65520,
        65536,
        2 ** -14,
        2 ** -24,
        2 ** -25,
        1.5 * 2 ** -24,
        2049,
        2051,
        1.00390625,
      ];
      const floats = [...awkward, ...halves, ...normals(40), 3e9, -3e9].map(Math.fround);
      const all =
        from === "bool" ? [0, 1, 1, 0, 1] : from === "i32" ? [0, 1, -1, 2 ** 24 + 1, -70000] : floats;
      const given: Given[] = [{ dtype: from, shape: [all.length], values: all }, blank(to, [all.length])];
      const result = both(backend, given, (b, [x, y]) => b.kernels.copy(x!, y!));
      // NaN has many encodings in 16 bits; the i32 → half path rounds to f32 first.
      const nan = (bits: number) =>
        to === "f16" || to === "bf16" ? isNaNBits(to, bits) : Number.isNaN(bits);
      const tidy = (list: number[]) => list.map((bits) => (nan(bits) ? Number.NaN : bits));
      expectClose({ expected: tidy(result.expected), actual: tidy(result.actual) }, { signed: true });
    },
  );
  const isNaNBits = (dtype: "f16" | "bf16", bits: number) =>
    (bits & 0x7fff) > (dtype === "f16" ? 0x7c00 : 0x7f80);

  it("should encode every bit pattern of f16 and bf16 back to itself", () => {
    for (const dtype of ["f16", "bf16"] as const) {
      const count = 65536;
      const source = place(backend, { dtype: "f32", shape: [0], values: [] });
      const half = { ...source, dtype, shape: [count], strides: [1], buffer: backend.allocate(2 * count) };
      const wide = { ...half, dtype: "f32" as const, buffer: backend.allocate(4 * count) };
      const again = { ...half, buffer: backend.allocate(2 * count) };
      const bits = Uint16Array.from({ length: count }, (_, i) => i);
      backend.write(half.buffer, 0, new Uint8Array(bits.buffer));
      backend.kernels.copy(half, wide);
      backend.kernels.copy(wide, again);
      const wides = values(backend, wide);
      const back = values(backend, again);
      const encode = dtype === "f16" ? toFloat16 : toBFloat16;
      for (let i = 0; i < count; i++) {
        if (Number.isNaN(wides[i]!)) expect(Number.isNaN(wides[i]!) && isNaNBits(dtype, back[i]!)).toBe(true);
        else if (back[i] !== i || encode(wides[i]!) !== i)
          expect.fail(`${dtype} ${i}: ${wides[i]} → ${back[i]}`);
      }
      for (const each of [source, half, wide, again]) backend.free(each.buffer);
    }
  });

  it("should copy between any strides", () => {
    const permutation = fc.shuffledSubarray([0, 1, 2], { minLength: 3 });
    const dim = fc.integer({ min: 1, max: 9 });
    const pair = fc.constantFrom<readonly [DType, DType]>(
      ["f32", "f32"],
      ["bf16", "bf16"],
      ["bool", "bool"],
      ["f32", "i32"],
      ["i32", "bf16"],
    );
    fc.assert(
      fc.property(permutation, permutation, dim, dim, dim, pair, (from, to, a, b, c, [source, target]) => {
        const size = a * b * c;
        const numbers = Array.from({ length: size }, (_, i) => (source === "bool" ? i % 2 : i % 200));
        const x: Given = { dtype: source, shape: [a, b, c], values: numbers, layout: from, offset: 2 };
        const out: Given = { ...blank(target, [a, b, c]), layout: to, offset: 1 };
        expectClose(both(backend, [x, out], (each, [p, q]) => each.kernels.copy(p!, q!)));
      }),
      { numRuns: 150 },
    );
  });

  it("should transpose large matrices with odd edges", () => {
    const given = [f32([133, 71], normals(133 * 71), { layout: [1, 0] }), blank("f32", [133, 71])];
    expectClose(both(backend, given, (b, [x, y]) => b.kernels.copy(x!, y!)));
  });

  it.each(dtypes)("should fill windows of %s and nothing else", (dtype) => {
    for (const value of [0, 1, dtype === "f32" ? Number.NaN : 1]) {
      const run = both(backend, [blank(dtype, [5, 6], 0)], (b, [x]) => {
        b.kernels.fill({ ...x!, shape: [5, 3], offset: 2 }, value);
        b.kernels.fill({ ...x!, shape: [5], strides: [6] }, value);
      });
      expectClose(run);
    }
  });
});

describe("reduce", () => {
  const cases: readonly (readonly [ReduceOp, DType])[] = [
    ["sum", "f32"],
    ["max", "f32"],
    ["min", "f32"],
    ["sum", "i32"],
    ["max", "i32"],
    ["min", "i32"],
    ["any", "bool"],
    ["all", "bool"],
  ];
  it.each(cases)("%s of %s should agree over any axes and strides", (op, dtype) => {
    const dim = fc.oneof(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 1, max: 40 }));
    const layout = fc.shuffledSubarray([0, 1, 2], { minLength: 3 });
    const axes = fc.subarray([0, 1, 2], { minLength: 1 });
    fc.assert(
      fc.property(dim, dim, dim, layout, axes, (a, b, c, order, reduced) => {
        const shape = [a, b, c];
        const size = a * b * c;
        const numbers = normals(size, size + 1).map((x) => (dtype === "f32" ? x : Math.round(3 * x)));
        const bits = numbers.map((x) => Number(op === "all" ? x !== 3 : x === 3));
        const x: Given = {
          dtype,
          shape,
          values: dtype === "bool" ? bits : numbers,
          layout: order,
          offset: 1,
        };
        const out = blank(
          dtype,
          shape.filter((_, axis) => !reduced.includes(axis)),
        );
        const run = both(backend, [x, out], (each, [p, q]) => each.kernels.reduce(op, p!, reduced, q!));
        expectClose(run, { relative: 1e-6, absolute: 1e-6 * Math.sqrt(size + 1) });
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    [0, 97, 5],
    [1, 5, 97],
  ])("should carry NaN, infinities and signed zeros: axis %i", (axis, rows, columns) => {
    for (const special of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      for (const op of ["max", "min", "sum"] as const) {
        const x = normals(rows * columns);
        x[Math.floor(x.length / 2)] = special;
        const given = [f32([rows, columns], x), blank("f32", [5])];
        const run = both(backend, given, (each, [p, q]) => each.kernels.reduce(op, p!, [axis], q!));
        expectClose(run, { relative: 1e-6, absolute: 1e-5 });
      }
    }
  });

  it("should lose nothing in sums of a million", () => {
    const count = 1 << 20;
    const x = Array.from({ length: count }, (_, i) => 1e4 + (i % 7) * 0.001).map(Math.fround);
    const exact = x.reduce((sum, value) => sum + value, 0);
    for (const [shape, axes] of [
      [[count], [0]],
      [[count, 1], [0]],
      [
        [1024, 1024],
        [0, 1],
      ],
    ] as const) {
      const run = both(backend, [f32(shape, x), blank("f32", shape.slice(axes.length))], (each, [p, q]) =>
        each.kernels.reduce("sum", p!, axes, q!),
      );
      expect(Math.abs(run.actual[0]! / exact - 1)).toBeLessThan(1e-7);
    }
  });
});
