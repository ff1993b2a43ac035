import fc from "fast-check";
import { describe, expect, expectTypeOf, it } from "vitest";
import {
  assertFinite,
  concat,
  cpu,
  createCpuBackend,
  DisposedError,
  DTypeError,
  decodeBFloat16,
  decodeFloat16,
  fromArray,
  fromTyped,
  item,
  NonFiniteError,
  philox,
  Random,
  ShapeError,
  smallest,
  stack,
  type Tensor,
  take,
  tensor,
  tidy,
  toBFloat16,
  toFloat16,
} from "../src/index.js";

describe("views", () => {
  const x = tensor([
    [0, 1, 2],
    [3, 4, 5],
  ]);

  it("should transpose, slice and reshape without copies where strides allow", async () => {
    expect(await x.transpose().toNested()).toEqual([
      [0, 3],
      [1, 4],
      [2, 5],
    ]);
    expect(await x.slice([1], [0, 3, 2]).toNested()).toEqual([[3, 5]]);
    expect(await x.slice(null, [-2]).reshape([4]).toNested()).toEqual([1, 2, 4, 5]);
    expect(await x.transpose().reshape([-1]).toNested()).toEqual([0, 3, 1, 4, 2, 5]);
    expect(await x.unsqueeze(0).expand([2, 2, 3]).sum().toNested()).toBe(30);
  });

  it("should reshape any view as a copy would be reshaped", async () => {
    const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(shapes, fc.integer(), async (shape, seed) => {
        const size = shape.reduce((a, b) => a * b, 1);
        const axes = [...new Random(Math.abs(seed)).permutation(shape.length)];
        const view = fromArray(
          Float32Array.from({ length: size }, (_, i) => i),
          shape,
        ).permute(axes);
        const flat = await view.read();
        const back = await view.reshape([size]).read();
        expect([...back]).toEqual([...flat]);
      }),
    );
  });

  it("should join and index", async () => {
    expect(await concat([x, x], 1).toNested()).toEqual([
      [0, 1, 2, 0, 1, 2],
      [3, 4, 5, 3, 4, 5],
    ]);
    expect(stack([x, x]).shape).toEqual([2, 2, 3]);
    expect(await take(x, fromArray([2, 0, 7], [3], { dtype: "i32" }), 1).toNested()).toEqual([
      [2, 0, Number.NaN],
      [5, 3, Number.NaN],
    ]);
  });

  it("should name the operation and both shapes in errors", () => {
    expect(() => x.add(tensor([1, 2]))).toThrow(/add: shapes \[2, 3\] and \[2\]/);
    expect(() => x.matmul(x)).toThrow(ShapeError);
    expect(() => x.slice([0, 9])).toThrow(/slice: range 0:9:1/);
    expect(() => x.add(x.cast("i32"))).toThrow(DTypeError);
    expect(() => tensor([[1], [2, 3]])).toThrow(/ragged/);
    expect(() => smallest(x, { group: 2, count: 1 })).toThrow(/groups of 2/);
  });
});

describe("memory", () => {
  it("should refuse a tensor after dispose and keep views alive", async () => {
    const backend = createCpuBackend();
    const x = tensor([1, 2, 3], { backend });
    const view = x.slice([1]);
    x.dispose();
    x.dispose();
    expect(() => x.neg()).toThrow(DisposedError);
    expect(await view.toNested()).toEqual([2, 3]);
    view.dispose();
    expect(backend.capabilities.allocatedBytes()).toBe(0);
  });

  it("should keep only what tidy returns", () => {
    const backend = createCpuBackend();
    const kept = tidy(() => {
      const x = tensor([1, 2], { backend });
      return { sum: x.add(1).mul(2), list: [x.neg()] };
    });
    expect(backend.capabilities.allocatedBytes()).toBe(16);
    kept.sum.dispose();
    kept.list[0]!.dispose();
    expect(backend.capabilities.allocatedBytes()).toBe(0);
    expect(() =>
      tidy(() => {
        tensor([1], { backend });
        throw new Error("out");
      }),
    ).toThrow("out");
    expect(backend.capabilities.allocatedBytes()).toBe(0);
  });

  it("should reject promises in tidy at compile time", () => {
    expectTypeOf<ReturnType<typeof tensor>>().toEqualTypeOf<Tensor>();
    // @ts-expect-error a scope cannot span an await
    tidy(async () => 1);
  });

  it("should refuse tensors of two backends in one operation", async () => {
    const other = createCpuBackend();
    const [a, b] = [tensor([1]), tensor([2], { backend: other })];
    expect(() => a.add(b)).toThrow(/backends cpu and cpu/);
    expect(await a.add(await b.to(cpu)).toNested()).toEqual([3]);
  });
});

describe("16-bit floats", () => {
  it("should survive a round trip of every bit pattern", () => {
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const same = (decoded: Float32Array, encode: (x: number) => number) =>
      all.every((bits, i) =>
        Number.isNaN(decoded[i])
          ? Number.isNaN(decoded[i]) && encode(decoded[i]!) !== 0
          : encode(decoded[i]!) === bits,
      );
    expect(same(decodeFloat16(all), toFloat16)).toBe(true);
    expect(same(decodeBFloat16(all), toBFloat16)).toBe(true);
  });

  it("should round to nearest, ties to even", () => {
    expect(toFloat16(1 + 2 ** -11)).toBe(toFloat16(1));
    expect(toFloat16(1 + 3 * 2 ** -11)).toBe(toFloat16(1 + 2 ** -9));
    expect(toFloat16(65520)).toBe(0x7c00);
    expect(toFloat16(65519)).toBe(0x7bff);
    expect(toFloat16(2 ** -25)).toBe(0);
    expect(toFloat16(2 ** -25 * 1.01)).toBe(1);
    expect(toBFloat16(1 + 2 ** -8)).toBe(toBFloat16(1));
  });

  it("should multiply after widening", async () => {
    const half = tensor([[1.5, 2]], { dtype: "bf16" });
    expect(await half.matmul(tensor([[2], [1]])).toNested()).toEqual([[5]]);
    expect(() => half.add(half)).toThrow(/bf16; cast first/);
  });
});

describe("random", () => {
  it("should match the published test vector of Philox 4×32-10", () => {
    const ones = 0xffffffff;
    expect(philox([ones, ones, ones, ones], [ones, ones])).toEqual([
      0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd,
    ]);
    expect(philox([0, 0, 0, 0], [0, 0])).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
  });

  it("should repeat by seed and differ by stream", async () => {
    const draw = (seed: number, stream?: number) => new Random(seed, stream).normal([4]).read();
    expect(await draw(3)).toEqual(await draw(3));
    expect(await draw(3)).not.toEqual(await draw(3, 1));
    const mean = await item(new Random(1).normal([20_000]).mean());
    expect(Math.abs(mean)).toBeLessThan(0.03);
  });
});

describe("assertFinite", () => {
  it("should name what holds a NaN", async () => {
    await expect(assertFinite(tensor([1, Number.NaN]), "layer 3")).rejects.toThrow(NonFiniteError);
    await assertFinite(tensor([1, 2]), "layer 3");
    expect(await item(fromTyped(Float32Array.of(4), [], "f32"))).toBe(4);
  });
});
