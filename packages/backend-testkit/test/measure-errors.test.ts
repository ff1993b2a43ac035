import { type Backend, createCpuBackend, type Operand } from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import { measureErrors, tolerances } from "../src/index.js";

const options = { runs: 10, seed: 1 };

describe("measuring errors", () => {
  it("should tell the roundings of the cpu backend, the same each time", async () => {
    const measured = await measureErrors(createCpuBackend(), options);
    expect(measured.failures).toEqual([]);
    const { add, choleskyPanel, exp, matmul, less, copy, softmax } = measured.kernels;
    expect(softmax).toBeUndefined();
    expect(less).toMatchObject({ error: 0, relativeTo: "none" });
    for (const [kernel, relativeTo] of [
      [add, "the result"],
      [exp, "the result"],
      [matmul, "the terms"],
      [choleskyPanel, "the largest entry"],
    ] as const) {
      expect(kernel!.relativeTo).toBe(relativeTo);
      expect(kernel!.error).toBeGreaterThan(0);
      expect(kernel!.error).toBeLessThanOrEqual(2 ** -24);
      expect(kernel!.comparisons).toBeGreaterThan(100);
    }
    expect(copy!.error).toBeLessThan(2 ** -7);
    expect(await measureErrors(createCpuBackend(), options)).toEqual(measured);
  });

  it("should tell a known error, and of a case that fails", async () => {
    const inner = createCpuBackend();
    const one = (buffer: object): Operand => ({
      ...{ buffer, dtype: "f32", shape: [1], strides: [1], offset: 0 },
    });
    const backend: Backend = {
      ...inner,
      kernels: {
        ...inner.kernels,
        unary(op, x, out) {
          inner.kernels.unary(op, x, out);
          if (op !== "exp" || out.dtype !== "f32") return;
          const factor = inner.allocate(4);
          inner.write(factor, 0, new Uint8Array(Float32Array.of(1.001).buffer));
          const scale = { ...one(factor), shape: out.shape, strides: out.shape.map(() => 0) };
          inner.kernels.binary("mul", out, scale, out);
          inner.free(factor);
        },
      },
    };
    const strict = await measureErrors(backend, options);
    expect(strict.failures.map(({ name }) => name)).toEqual(["unary exp"]);
    const loose = await measureErrors(backend, {
      ...options,
      tolerances: { exp: { ...tolerances.exp, ulps: 30_000 } },
    });
    expect(loose.failures).toEqual([]);
    expect(loose.kernels.exp!.error).toBeCloseTo(0.001, 6);
  });
});
