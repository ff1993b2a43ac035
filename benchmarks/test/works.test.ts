import { describe, expect, it } from "vitest";
import { ours } from "../src/contenders/ours.js";
import type { Dense, Work } from "../src/harness/contender.js";
import { add, exp, log, rmsNorm, softmax } from "../src/works/elementwise.js";
import { cholesky, qr, symmetricEigen, triangularInverse } from "../src/works/factorisations.js";
import { workChecks } from "../src/works/index.js";
import { attention, gemm } from "../src/works/products.js";

const works: Work[] = [
  gemm(24, 40, 32),
  gemm(8, 12, 16, 3),
  attention(2, 33, 8),
  exp(1000),
  log(1000),
  softmax(70, 50),
  add(100),
  rmsNorm(5, 64),
  cholesky(48),
  qr(40),
  symmetricEigen(24),
  triangularInverse(40),
];

const spoiled = (results: readonly Dense[]): Dense[] =>
  results.map(({ shape, data }) => ({ shape, data: data.map((x) => x * 1.01 + 0.001) }));

describe("the check of every kind of work", () => {
  it.each(works.map((work) => [work.name, work] as const))(
    "should pass our %s, and no spoiled one",
    async (_, work) => {
      const { inputs, error, tolerance } = workChecks[work.kind];
      const contender = await ours(1, { turbo: false });
      const operands = await inputs(work);
      const prepared = await contender.prepare(work, operands);
      await prepared.run();
      const results = await prepared.results();
      expect(error(work, operands, results)).toBeLessThanOrEqual(tolerance);
      expect(error(work, operands, spoiled(results))).toBeGreaterThan(tolerance);
      const nan = results.map(({ shape, data }) => ({ shape, data: data.map(() => Number.NaN) }));
      expect(error(work, operands, nan) <= tolerance).toBe(false);
    },
  );

  it("should give everybody the same inputs", async () => {
    for (const work of works) {
      const { inputs } = workChecks[work.kind];
      expect(await inputs(work)).toEqual(await inputs(work));
    }
  });
});
