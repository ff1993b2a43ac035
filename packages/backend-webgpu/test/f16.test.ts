import { fromArray, Random, toNumbers } from "@denoise-rotator/core";
import { expect, it } from "vitest";
import { AdapterLimitError, type MatmulVariant } from "../src/index.js";
import { describeOnDevice } from "./adapter.js";
import { open } from "./open.js";

async function products(variant: MatmulVariant): Promise<number[][]> {
  const backend = await open({ f16: true, matmul: { variant } });
  try {
    const results: number[][] = [];
    for (const [m, k, n] of [
      [1, 512, 64],
      [70, 512, 68],
    ] as const) {
      const x = new Random(1).normal([m, k], { backend });
      const weight = new Random(2).normal([n, k], { backend }).cast("f16");
      const product = Array.from(await toNumbers(x.matmul(weight.transpose())));
      // In f32 all the way: the weight is the same, so only products differ.
      const wide = fromArray(await toNumbers(weight), [n, k], { backend }).transpose();
      const expected = await toNumbers(x.matmul(wide));
      const error = product.reduce((worst, value, i) => Math.max(worst, Math.abs(value - expected[i]!)), 0);
      // √512 terms of unit size, each off by about 2^-11.
      expect(error).toBeLessThan(0.1);
      expect(error).toBeGreaterThan(0);
      results.push(product);
    }
    return results;
  } finally {
    await backend.dispose();
  }
}

describeOnDevice("arithmetic in 16 bits", () => {
  it("should multiply by weights stored in f16 and add up in f32, or say that the adapter cannot", async (context) => {
    try {
      const [blocks, tiles] = [await products("blocks4x8"), await products("tiles32")];
      expect(tiles).toEqual(blocks);
    } catch (error) {
      if (!(error instanceof AdapterLimitError)) throw error;
      expect(error.message).toContain("has no shader-f16");
      context.skip("the adapter has no shader-f16");
    }
  });
});
