import { describe, expect, it } from "vitest";
import {
  type Backend,
  BackendError,
  byteWidth,
  cpu,
  createCpuBackend,
  type DType,
  fromArray,
  type Operand,
  type Tensor,
  tensor,
  toNumbers,
} from "../src/index.js";

/** Runs a kernel into an output of `dtype` and `shape`, and gives its elements. */
function run(dtype: DType, shape: number[], kernel: (out: Operand) => void): Promise<ArrayLike<number>> {
  const out = fromArray(
    Array.from({ length: shape.reduce((size, dim) => size * dim, 1) }, () => -7),
    shape,
    { dtype },
  );
  kernel(out.operand);
  return toNumbers(out);
}

const { kernels } = cpu;
const f32 = (...values: number[]): Tensor => tensor(values);
const i32 = (...values: number[]): Tensor => tensor(values, { dtype: "i32" });
const [inf, nan] = [Number.POSITIVE_INFINITY, Number.NaN];

describe("cpu elementwise kernels", () => {
  it.each([
    ["round", [0.5, 1.5, 2.5, -0.5, -1.5, nan], [0, 2, 2, -0, -2, nan]],
    ["sign", [-3, -0, 0, 2, nan], [-1, -0, 0, 1, nan]],
    ["sqrt", [4, -0, -1, inf], [2, -0, nan, inf]],
    ["rsqrt", [4, 0, inf], [0.5, inf, 0]],
    ["log", [1, 0, -1], [0, -inf, nan]],
    ["sigmoid", [0, -inf, inf, nan], [0.5, 0, 1, nan]],
    ["exp", [0, -inf, 100], [1, 0, inf]],
  ] as const)("should compute %s with its special values", async (op, inputs, outputs) => {
    const x = f32(...inputs);
    const result = await run("f32", [inputs.length], (out) => kernels.unary(op, x.operand, out));
    expect([...Array.from(result)]).toEqual([...outputs]);
  });

  it("should wrap i32 arithmetic modulo 2³²", async () => {
    const a = i32(2147483647, -2147483648, 65537);
    const b = i32(1, 1, 65537);
    const add = await run("i32", [3], (out) => kernels.binary("add", a.operand, b.operand, out));
    expect(Array.from(add)).toEqual([-2147483648, -2147483647, 131074]);
    const mul = await run("i32", [3], (out) => kernels.binary("mul", a.operand, b.operand, out));
    expect(Array.from(mul)).toEqual([2147483647, -2147483648, 131073]);
    const square = await run("i32", [3], (out) => kernels.unary("square", a.operand, out));
    expect(Array.from(square)).toEqual([1, 0, 131073]);
  });

  it("should follow IEEE 754 in maximum and pow", async () => {
    const maximum = await run("f32", [3], (out) =>
      kernels.binary("maximum", f32(nan, -0, 1).operand, f32(1, 0, nan).operand, out),
    );
    expect(Array.from(maximum)).toEqual([nan, 0, nan]);
    const pow = await run("f32", [4], (out) =>
      kernels.binary("pow", f32(1, nan, -0, -1).operand, f32(nan, 0, -1, inf).operand, out),
    );
    expect(Array.from(pow)).toEqual([1, 1, -inf, 1]);
  });

  it("should truncate and saturate casts to i32, and call anything but zero true", async () => {
    const x = f32(2.9, -2.9, 1e10, -inf, nan, -0);
    const integers = await run("i32", [6], (out) => kernels.copy(x.operand, out));
    expect(Array.from(integers)).toEqual([2, -2, 2147483647, -2147483648, 0, 0]);
    const booleans = await run("bool", [6], (out) => kernels.copy(x.operand, out));
    expect(Array.from(booleans)).toEqual([1, 1, 1, 1, 1, 0]);
  });

  it("should round 16-bit floats to nearest even", async () => {
    const x = f32(1 + 2 ** -8, 1 + 3 * 2 ** -8, 65520);
    expect(Array.from(await run("bf16", [3], (out) => kernels.copy(x.operand, out)))).toEqual([
      1, 1.015625, 65536,
    ]);
    expect(Array.from(await run("f16", [3], (out) => kernels.copy(x.operand, out)))).toEqual([
      1.00390625,
      1.01171875,
      inf,
    ]);
  });

  it("should write through strides and leave the rest alone", async () => {
    const x = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    kernels.fill({ ...x.operand, shape: [2], strides: [3], offset: 1 }, 0);
    expect(await x.toNested()).toEqual([
      [1, 0, 3],
      [4, 0, 6],
    ]);
  });
});

describe("cpu reductions and indexing", () => {
  it("should give the neutral element of nothing", async () => {
    const empty = fromArray([], [2, 0]);
    for (const [op, neutral] of [
      ["sum", 0],
      ["max", -inf],
      ["min", inf],
    ] as const) {
      const result = await run("f32", [2], (out) => kernels.reduce(op, empty.operand, [1], out));
      expect(Array.from(result)).toEqual([neutral, neutral]);
    }
  });

  it("should sum in f64", async () => {
    const x = f32(2 ** 24, ...new Array(10).fill(1));
    expect((await run("f32", [], (out) => kernels.reduce("sum", x.operand, [0], out)))[0]).toBe(2 ** 24 + 10);
  });

  it("should read NaN outside, and drop what is scattered there", async () => {
    const gathered = await run("f32", [3], (out) =>
      kernels.gather(f32(5, 6).operand, i32(1, 2, -1).operand, 0, out),
    );
    expect(Array.from(gathered)).toEqual([6, nan, nan]);
    const scattered = await run("f32", [2], (out) =>
      kernels.scatterAdd(f32(1, 2, 4, 8).operand, i32(1, 1, 2, 0).operand, 0, out),
    );
    expect(Array.from(scattered)).toEqual([1, -4]);
  });

  it("should sort stably with NaN largest", async () => {
    const x = f32(nan, 1, -0, 0, 1, -inf);
    const order = (descending: boolean) =>
      run("i32", [6], (out) => kernels.argsort(x.operand, out, { descending }));
    expect(Array.from(await order(false))).toEqual([5, 2, 3, 1, 4, 0]);
    expect(Array.from(await order(true))).toEqual([0, 1, 4, 2, 3, 5]);
  });

  it("should mark exactly the count smallest of every group, the first of ties", async () => {
    const x = f32(2, 1, 1, 1, nan, nan, nan, 3);
    const marks = await run("bool", [8], (out) => kernels.smallest(x.operand, out, { group: 4, count: 2 }));
    expect(Array.from(marks)).toEqual([0, 1, 1, 0, 1, 0, 0, 1]);
  });
});

describe("cpu matrix kernels", () => {
  it("should multiply, scale and accumulate", async () => {
    const a = tensor([[1, 2]]);
    const b = tensor([[3], [4]]);
    const product = (accumulate: boolean) =>
      run("f32", [1, 1], (out) => kernels.matmul(a.operand, b.operand, out, { accumulate, alpha: 2 }));
    expect(Array.from(await product(false))).toEqual([22]);
    expect(Array.from(await product(true))).toEqual([15]);
  });

  it("should solve with either triangle, transposed or not, reading nothing else", async () => {
    const a = tensor([
      [2, nan],
      [6, 4],
    ]);
    const solve = async (transpose: boolean, unitDiagonal: boolean) => {
      const b = tensor([[4], [20]]);
      kernels.triangularSolve(a.operand, b.operand, { lower: true, transpose, unitDiagonal });
      return b.toNested();
    };
    expect(await solve(false, false)).toEqual([[2], [2]]);
    expect(await solve(true, false)).toEqual([[-13], [5]]);
    expect(await solve(false, true)).toEqual([[4], [-4]]);
  });

  it("should factor in place and report the first bad pivot", async () => {
    const a = tensor([
      [4, 9],
      [2, 10],
    ]);
    const info = i32(0);
    kernels.choleskyPanel(a.operand, info.operand, { pivotBase: 64 });
    expect(await a.toNested()).toEqual([
      [2, 9],
      [1, 3],
    ]);
    expect(await info.toNested()).toEqual([0]);
    const bad = tensor([
      [4, 9],
      [2, 1],
    ]);
    kernels.choleskyPanel(bad.operand, info.operand, { pivotBase: 64 });
    expect(await bad.toNested()).toEqual([
      [2, 9],
      [1, nan],
    ]);
    expect(await info.toNested()).toEqual([66]);
  });

  it("should leave τ = 0 where a column is zero below", async () => {
    const a = tensor([
      [3, 1],
      [0, 4],
      [0, 3],
    ]);
    const tau = f32(9, 9);
    kernels.qrPanel(a.operand, tau.operand);
    const [r, factors] = [(await a.toNested()) as number[][], (await tau.toNested()) as number[]];
    expect(factors[0]).toBe(0);
    expect(r[0]).toEqual([3, 1]);
    expect(r[1]![1]).toBeCloseTo(-5, 6);
    expect(factors[1]).toBeCloseTo(1.8, 6);
  });
});

describe("cpu buffers", () => {
  const allocatedBy = (backend: Backend) => backend.capabilities.allocatedBytes();

  it("should count what is allocated", () => {
    const backend = createCpuBackend();
    const buffers = [backend.allocate(0), backend.allocate(byteWidth("f64") * 3)];
    expect(allocatedBy(backend)).toBe(24);
    for (const buffer of buffers) backend.free(buffer);
    expect(allocatedBy(backend)).toBe(0);
  });

  it("should throw for a buffer that was freed", () => {
    const backend = createCpuBackend();
    const buffer = backend.allocate(4);
    backend.free(buffer);
    expect(() => backend.write(buffer, 0, new Uint8Array(4))).toThrow(BackendError);
    expect(() => backend.free(buffer)).toThrow("used after it was freed");
  });

  it("should refuse work after dispose, but for the shared one", async () => {
    const backend = createCpuBackend();
    await backend.dispose();
    expect(() => backend.allocate(4)).toThrow(BackendError);
    await cpu.dispose();
    expect(await tensor([1]).toNested()).toEqual([1]);
  });
});
