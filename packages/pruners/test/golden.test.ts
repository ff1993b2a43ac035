import { afterAll, describe, expect, it } from "vitest";
import { magnitude, type Pruner, pruneSite, sparsegpt, wanda } from "../src/index.js";
import { golden, goldenCases, goldenPattern, goldenSite } from "./goldens.js";
import { numbers } from "./layers.js";

const sites = (["f64", "f32"] as const).map((dtype) => {
  const layers = { correlated: goldenSite("correlated", dtype), dead: goldenSite("dead", dtype) };
  return { dtype, layers: layers as Record<string, (typeof layers)["dead"]> };
});
afterAll(() => {
  for (const { layers } of sites) for (const site of Object.values(layers)) site.dispose();
});

describe.each(sites)("PyTorch's float64 pruning, in $dtype", ({ dtype, layers }) => {
  it.each(goldenCases.map((golden) => [golden.name, golden] as const))(
    "should be met on %s",
    async (name, testCase) => {
      const site = layers[testCase.layer]!;
      const pruners: Pruner[] = [magnitude(), wanda(), sparsegpt({ blockSize: testCase.block })];
      for (const pruner of pruners) {
        const { weight, mask } = await pruner.prune(site, goldenPattern(testCase));
        const kept = await numbers(mask);
        const pruned = golden(`${name}.${pruner.name}.mask`).values;
        const agreeing = kept.filter((flag, i) => flag !== pruned[i]).length;
        expect(agreeing / kept.length).toBeGreaterThanOrEqual(dtype === "f64" ? 1 : 0.99);
        expect(kept.filter((flag) => flag === 0).length).toBe(testCase.pruned[pruner.name]);
        if (dtype === "f64" && pruner.name === "sparsegpt") {
          const expected = golden(`${name}.sparsegpt.weight`).values;
          const values = await numbers(weight);
          const worst = Math.max(...values.map((x, i) => Math.abs(x - expected[i]!)));
          expect(worst).toBeLessThan(1e-9);
        }
        weight.dispose();
        mask.dispose();
      }
    },
  );
});

describe("errors on the golden layers", () => {
  it.each(goldenCases.map((golden) => [golden.name, golden] as const))(
    "should be PyTorch's on %s",
    async (_, testCase) => {
      const pattern = goldenPattern(testCase);
      const errors: Record<string, number> = {};
      for (const pruner of [magnitude(), wanda(), sparsegpt({ blockSize: testCase.block })]) {
        const site = goldenSite(testCase.layer, "f64");
        const report = await pruneSite(site, pruner, { pattern });
        errors[pruner.name] = report.error!;
        expect(report.maskValid).toBe(true);
        expect(report.error).toBeCloseTo(testCase.errors[pruner.name as "wanda"], 9);
        site.dispose();
      }
      expect(errors.sparsegpt).toBeLessThan(errors.wanda!);
      expect(errors.wanda).toBeLessThan(errors.magnitude!);
    },
  );
});
