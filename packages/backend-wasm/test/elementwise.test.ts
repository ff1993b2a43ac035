import {
  type BinaryOp,
  binaryOps,
  compareOps,
  logicalOps,
  type UnaryOp,
  unaryOps,
} from "@denoise-rotator/core";
import { beforeAll, describe, expect, it } from "vitest";
import { type WasmBackend, wasm } from "../src/index.js";
import { awkward, blank, both, expectClose, f32, type Given, normals } from "./support.js";

let backend: WasmBackend;
beforeAll(async () => {
  backend = await wasm();
});

/** Error bounds relative to the f64 result; denormal results may be off by a few of the smallest steps. */
const tolerance: Partial<Record<UnaryOp, number>> = {
  exp: 1.7e-7,
  log: 1.9e-7,
  tanh: 2.4e-7,
  sigmoid: 3e-7,
  rsqrt: 1.3e-7,
};

const sweep = (): number[] => {
  const exponents = Array.from({ length: 3000 }, (_, i) => 2 ** (-149 + (i * 277) / 3000));
  const near = Array.from({ length: 4000 }, (_, i) => (i - 2000) / 18);
  return [...awkward, ...exponents, ...exponents.map((x) => -x), ...near];
};

describe("unary", () => {
  const floats = unaryOps.filter((op) => op !== "logicalNot");
  it.each(floats)("%s should match f64 over the whole range", (op) => {
    const xs = sweep().map(Math.fround);
    const out = blank(op === "isFinite" ? "bool" : "f32", [xs.length]);
    const result = both(backend, [f32([xs.length], xs), out], (b, [x, y]) => b.kernels.unary(op, x!, y!));
    // Where log crosses 0 an f32 argument is exact, so the bound stays relative.
    expectClose(result, { relative: tolerance[op] ?? 6e-8, absolute: 3e-45, signed: true });
  });

  it.each(["exp", "log", "sigmoid", "tanh"] as const)("%s should not depend on neighbours", (op) => {
    const xs = sweep().map(Math.fround);
    const alone = xs.flatMap((x) => [x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x]);
    const run = (values: number[]) =>
      both(backend, [f32([values.length], values), blank("f32", [values.length])], (b, [x, y]) =>
        b.kernels.unary(op, x!, y!),
      ).actual;
    const together = run(xs);
    expect(run(alone).filter((_, i) => i % 16 === 0)).toEqual(together);
  });

  it.each(["neg", "abs", "sign", "square"] as const)("%s should wrap integers", (op) => {
    const xs = [0, 1, -1, 7, -9, 2 ** 31 - 1, -(2 ** 31), 65536, 46341];
    const given: Given[] = [{ dtype: "i32", shape: [9], values: xs }, blank("i32", [9])];
    expectClose(both(backend, given, (b, [x, y]) => b.kernels.unary(op, x!, y!)));
  });

  it("should negate bools", () => {
    const xs = Array.from({ length: 37 }, (_, i) => (i % 3) % 2);
    const given: Given[] = [{ dtype: "bool", shape: [37], values: xs }, blank("bool", [37])];
    expectClose(both(backend, given, (b, [x, y]) => b.kernels.unary("logicalNot", x!, y!)));
  });

  it("should take any strides", () => {
    for (const layout of [
      [2, 1, 0],
      [0, 2, 1],
      [1, 0, 2],
    ]) {
      const given = [f32([5, 6, 7], normals(210), { layout, offset: 3 }), blank("f32", [5, 6, 7])];
      expectClose(both(backend, given, (b, [x, y]) => b.kernels.unary("neg", x!, y!)));
    }
  });
});

describe("binary", () => {
  const pairs = awkward.flatMap((a) => awkward.map((b) => [a, b] as const));
  const left = pairs.map(([a]) => Math.fround(a));
  const right = pairs.map(([, b]) => Math.fround(b));

  it.each([...binaryOps, ...compareOps])("%s should follow IEEE 754", (op: BinaryOp) => {
    const dtype = (compareOps as readonly string[]).includes(op) ? "bool" : "f32";
    const given = [f32([left.length], left), f32([right.length], right), blank(dtype, [left.length])];
    const result = both(backend, given, (b, [x, y, z]) => b.kernels.binary(op, x!, y!, z!));
    expectClose(result, { relative: 6e-8, absolute: 1.5e-45, signed: true });
  });

  it.each([...binaryOps.filter((op) => op !== "div" && op !== "pow"), ...compareOps])(
    "%s should take integers",
    (op: BinaryOp) => {
      const xs = [0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 123456789, -7];
      const values = (pick: 0 | 1) => xs.flatMap((a) => xs.map((b) => (pick ? b : a)));
      const operand = (pick: 0 | 1): Given => ({ dtype: "i32", shape: [49], values: values(pick) });
      const out = blank((compareOps as readonly string[]).includes(op) ? "bool" : "i32", [49]);
      const run = both(backend, [operand(0), operand(1), out], (b, [x, y, z]) =>
        b.kernels.binary(op, x!, y!, z!),
      );
      expectClose(run);
    },
  );

  it.each([...logicalOps, ...compareOps])("%s should take bools", (op: BinaryOp) => {
    const operand = (period: number): Given => ({
      dtype: "bool",
      shape: [50],
      values: Array.from({ length: 50 }, (_, i) => Math.floor(i / period) % 2),
    });
    const given = [operand(1), operand(2), blank("bool", [50])];
    expectClose(both(backend, given, (b, [x, y, z]) => b.kernels.binary(op, x!, y!, z!)));
  });

  const shapes: readonly (readonly [string, Given, Given])[] = [
    ["a row", f32([6, 7], normals(42)), f32([1, 7], normals(7, 2), { broadcast: { 0: 6 } })],
    ["a column", f32([6, 7], normals(42)), f32([6, 1], normals(6, 2), { broadcast: { 1: 7 } })],
    ["a scalar", f32([6, 7], normals(42)), f32([1, 1], [3], { broadcast: { 0: 6, 1: 7 } })],
    ["a transpose", f32([6, 7], normals(42)), f32([6, 7], normals(42, 3), { layout: [1, 0] })],
    ["a scalar on the left", f32([1, 1], [3], { broadcast: { 0: 6, 1: 7 } }), f32([6, 7], normals(42))],
  ];
  it.each(shapes)("should broadcast %s", (_, a, b) => {
    const run = both(backend, [a, b, blank("f32", [6, 7])], (each, [x, y, z]) =>
      each.kernels.binary("sub", x!, y!, z!),
    );
    expectClose(run, { relative: 6e-8 });
  });
});

describe("select", () => {
  it.each(["f32", "i32", "bool", "bf16"] as const)("should choose among %s", (dtype) => {
    const mask: Given = {
      dtype: "bool",
      shape: [3, 11],
      values: Array.from({ length: 33 }, (_, i) => i % 2),
    };
    const a: Given = { dtype, shape: [3, 11], values: new Array<number>(33).fill(1), layout: [1, 0] };
    const b: Given = { dtype, shape: [1, 11], values: new Array<number>(11).fill(0), broadcast: { 0: 3 } };
    const given = [mask, a, b, blank(dtype, [3, 11])];
    expectClose(both(backend, given, (each, [m, x, y, z]) => each.kernels.select(m!, x!, y!, z!)));
  });
});

it("should accept empty operands", () => {
  const empty = f32([0, 4], []);
  const run = both(backend, [empty, empty, blank("f32", [0, 4])], (b, [x, y, z]) =>
    b.kernels.binary("add", x!, y!, z!),
  );
  expect(run.actual).toEqual([]);
});
