import { readFileSync } from "node:fs";
import { OptionError } from "@denoise-rotator/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { admm, pruneSite, SharedWork, sparsegpt } from "../src/index.js";
import { backend, disposable, numbers, patternAndShape, randomSite, siteWith } from "./layers.js";
import { dampedHessian, energy, leastSquaresEnergy } from "./least-squares.js";

interface Matrix {
  readonly shape: readonly [number, number];
  readonly data: number[];
}
const read = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`../../../goldens/beyond/${name}.json`, import.meta.url), "utf8"));
const layer = read<{ weight: Matrix; hessian: Matrix }>("refine");
const { cases } = read<{
  cases: { pattern: string; iterations: number; keep: Matrix; pruned: Matrix; error: number }[];
}>("admm");
const nested = ({ shape: [rows, columns], data }: Matrix) =>
  Array.from({ length: rows }, (_, r) => data.slice(r * columns, (r + 1) * columns));

describe("PyTorch's float64 ADMM", () => {
  it.each(cases.map((golden) => [golden.pattern, golden] as const))(
    "should be met at %s",
    async (pattern, golden) => {
      using site = disposable(siteWith(nested(layer.weight), nested(layer.hessian), "f64"));
      const report = await pruneSite(site, admm(), { pattern });
      expect(report.maskValid).toBe(true);
      expect(report.error).toBeCloseTo(golden.error, 9);
      const values = await numbers(site.weight);
      const worst = values.map((value, i) => Math.abs(value - golden.pruned.data[i]!));
      expect(Math.max(...worst)).toBeLessThan(1e-8);
      expect(values.map((value) => Number(value !== 0))).toEqual(golden.keep.data);
    },
  );

  it("should be met in f32 but for rounding", async () => {
    using site = disposable(siteWith(nested(layer.weight), nested(layer.hessian), "f32"));
    expect((await pruneSite(site, admm(), { pattern: "2:4" })).error! / cases[0]!.error).toBeCloseTo(1, 1);
  });
});

describe("admm", () => {
  it("should find weights close to the best on its mask", async () => {
    await fc.assert(
      fc.asyncProperty(patternAndShape, fc.nat(), async ({ pattern, rows, columns }, seed) => {
        using site = disposable(randomSite(rows, columns, { seed, dtype: "f64" }));
        const { weight, mask } = await admm().prune(site, pattern);
        const [W, X, kept, gram] = (await Promise.all(
          [site.weight, weight, mask, site.statistics!.gram].map(numbers),
        )) as [number[], number[], number[], number[]];
        weight.dispose();
        mask.dispose();
        const H = dampedHessian(gram, columns, 0.01);
        const lost = energy(
          W.map((w, i) => w - X[i]!),
          H,
          columns,
        );
        const [least, scale] = [leastSquaresEnergy(W, H, kept, columns), energy(W, H, columns)];
        expect(lost).toBeGreaterThanOrEqual(least - 1e-9 * scale);
        expect(lost).toBeLessThan(least * 1.1 + 1e-6 * scale);
      }),
      { numRuns: 25 },
    );
  });

  it("should lose less than SparseGPT with refinement, in f32", async () => {
    for (const pattern of ["2:4", "0.5"]) {
      const errors: number[] = [];
      for (const pruner of [admm(), sparsegpt()]) {
        using site = disposable(randomSite(40, 144, { seed: 3 }));
        errors.push((await pruneSite(site, pruner, { pattern, refine: "pcg" })).error!);
      }
      expect(errors[0]).toBeLessThan(errors[1]!);
    }
  });

  it("should decompose H once for the sites that share it, and free all but the results", async () => {
    using site = disposable(randomSite(6, 16));
    using other = disposable(randomSite(6, 16, { seed: 9 }));
    const shared = new SharedWork();
    const pruner = admm({ pattern: "2:4" });
    let made = 0;
    const once = shared.once.bind(shared);
    shared.once = ((owner: object, key: object, make: () => Promise<never>) =>
      once(owner, key, () => {
        made++;
        return make();
      })) as typeof shared.once;
    const before = backend.capabilities.allocatedBytes();
    const { gram, tokens } = site.statistics!;
    for (const weight of [site.weight, other.weight]) {
      const view = {
        name: "up",
        role: "upProj",
        weight,
        bias: undefined,
        statistics: { gram, tokens },
      } as const;
      const result = await pruner.prune(view, pruner.pattern!, shared);
      result.weight.dispose();
      result.mask.dispose();
    }
    await shared.dispose();
    expect(made).toBe(1);
    expect(backend.capabilities.allocatedBytes()).toBeLessThanOrEqual(before);
  });

  it("should set the weights of inputs that never fire to zero", async () => {
    using site = disposable(randomSite(4, 12, { dead: [1, 6], dtype: "f64" }));
    expect((await pruneSite(site, admm({ pattern: "2:4" }))).maskValid).toBe(true);
    const values = await numbers(site.weight);
    for (const j of [1, 6]) for (let r = 0; r < 4; r++) expect(values[r * 12 + j]).toBe(0);
  });

  it("should reject impossible options", () => {
    for (const wrong of [{ iterations: 0 }, { penalty: 0 }, { damping: -1 }, { pattern: "5:4" }]) {
      expect(() => admm(wrong)).toThrow(OptionError);
    }
  });
});
