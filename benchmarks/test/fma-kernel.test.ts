import { describe, expect, it } from "vitest";
import { fmaKernel } from "../src/peaks/fma-kernel.js";

describe("the kernel of the physical limit", () => {
  it.each([1, 2] as const)("should compute what it says with %i vectors", (vectors) => {
    const fma = WebAssembly.validate(fmaKernel(true, vectors).module as BufferSource);
    for (const kind of fma ? [false, true] : [false]) {
      const { module, flopsPerTurn } = fmaKernel(kind, vectors);
      const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module as BufferSource));
      const { memory, run } = exports as {
        memory: WebAssembly.Memory;
        run(turns: number, base: number): void;
      };
      const sums = 12 * vectors * 4;
      const floats = new Float32Array(memory.buffer, 0, sums + 8 * vectors);
      floats.fill(1).fill(0.5, sums); // sum 1, factor and term 0.5
      run(2, 0);
      // Eight times sum ← 0.5·0.5 + sum, or sum ← 0.5·sum + 0.5.
      expect([...floats.subarray(0, sums)]).toEqual(Array(sums).fill(kind ? 1 + 8 * 0.25 : 1));
      expect(flopsPerTurn).toBe(4 * sums * 2);
    }
  });
});
