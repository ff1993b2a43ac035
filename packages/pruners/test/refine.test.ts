import { readFileSync } from "node:fs";
import { NonFiniteError, OptionError } from "@denoise-rotator/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { magnitude, pruneSite, refine, sparsegpt, wanda } from "../src/index.js";
import {
  backend,
  disposable,
  hostTensor,
  numbers,
  patternAndShape,
  pruners,
  randomSite,
  siteWith,
} from "./layers.js";
import { dampedHessian, energy, leastSquaresEnergy } from "./least-squares.js";

const difference = (a: readonly number[], b: readonly number[]) => a.map((x, i) => x - b[i]!);

describe.each(pruners.map((pruner) => [pruner.name, pruner] as const))("refinement of %s", (_, pruner) => {
  it("should never lose more than before, and keep the mask", async () => {
    await fc.assert(
      fc.asyncProperty(
        patternAndShape,
        fc.nat(),
        fc.integer({ min: 1, max: 12 }),
        async ({ pattern, rows, columns }, seed, iterations) => {
          using site = disposable(
            randomSite(rows, columns, { seed, dtype: "f64", dead: seed % 3 === 0 ? [0] : [] }),
          );
          const result = await pruner.prune(site, pattern);
          const given = await numbers(site.statistics!.gram);
          using refined = await refine(site, result, { iterations });
          const [W, before, mask, gram, after] = (await Promise.all(
            [site.weight, result.weight, result.mask, site.statistics!.gram, refined].map(numbers),
          )) as [number[], number[], number[], number[], number[]];
          result.weight.dispose();
          result.mask.dispose();
          expect(gram).toEqual(given);
          const H = dampedHessian(gram, columns, 0.01);
          const lost = (X: number[]) => energy(difference(W, X), H, columns);
          expect(lost(after)).toBeLessThanOrEqual(lost(before) * (1 + 1e-9) + 1e-12 * energy(W, H, columns));
          mask.forEach((flag, i) => {
            if (flag === 0) expect(after[i]).toBe(0);
          });
        },
      ),
      { numRuns: 40 },
    );
  });

  it("should reach the exact least squares of every row in as many iterations as it has weights", async () => {
    await fc.assert(
      fc.asyncProperty(patternAndShape, fc.nat(), async ({ pattern, rows, columns }, seed) => {
        using site = disposable(randomSite(rows, columns, { seed, dtype: "f64" }));
        const result = await pruner.prune(site, pattern);
        using refined = await refine(site, result, { iterations: 2 * columns + 5 });
        const [W, mask, gram, X] = (await Promise.all(
          [site.weight, result.mask, site.statistics!.gram, refined].map(numbers),
        )) as [number[], number[], number[], number[]];
        result.weight.dispose();
        result.mask.dispose();
        const H = dampedHessian(gram, columns, 0.01);
        const scale = energy(W, H, columns);
        const gap = energy(difference(W, X), H, columns) - leastSquaresEnergy(W, H, mask, columns);
        expect(gap / scale).toBeLessThan(1e-10);
      }),
      { numRuns: 30 },
    );
  });
});

describe("PyTorch's float64 conjugate gradients", () => {
  const golden = JSON.parse(
    readFileSync(new URL("../../../goldens/beyond/refine.json", import.meta.url), "utf8"),
  ) as Record<
    "weight" | "hessian" | "keep" | "refined" | "leastSquares",
    { shape: number[]; data: number[] }
  > & {
    energies: number[];
    least: number;
  };
  const [rows, columns] = golden.weight.shape as [number, number];
  const matrix = ({ data }: { data: number[] }, width: number) =>
    Array.from({ length: data.length / width }, (_, r) => data.slice(r * width, (r + 1) * width));

  it.each([
    ["f64", 1e-10],
    ["f32", 1e-4],
  ] as const)("should be met after ten iterations, in %s", async (dtype, tolerance) => {
    using site = disposable(siteWith(matrix(golden.weight, columns), matrix(golden.hessian, columns), dtype));
    const start = golden.weight.data.map((w, i) => w * golden.keep.data[i]!);
    using weight = hostTensor(start, [rows, columns], dtype);
    using mask = hostTensor(golden.keep.data, [rows, columns], dtype).notEqual(0);
    using refined = await refine(site, { weight, mask });
    const values = await numbers(refined);
    expect(Math.max(...difference(values, golden.refined.data).map(Math.abs))).toBeLessThan(tolerance);
    const H = dampedHessian(golden.hessian.data, columns, 0.01);
    const lost = energy(difference(golden.weight.data, values), H, columns);
    expect(lost / golden.energies[10]!).toBeCloseTo(1, 5);
    expect(lost / golden.least).toBeLessThan(1.05);
  });
});

describe("the option refine", () => {
  it("should lower the error of every pruner, and report the same mask", async () => {
    for (const make of [magnitude, wanda, sparsegpt]) {
      using plain = disposable(randomSite(20, 64, { seed: 3 }));
      using site = disposable(randomSite(20, 64, { seed: 3 }));
      const allocated = backend.capabilities.allocatedBytes();
      const before = await pruneSite(plain, make({ pattern: "2:4" }));
      const steps: string[] = [];
      const after = await pruneSite(site, make({ pattern: "2:4" }), {
        refine: "pcg",
        measure: (step, body) => {
          steps.push(step);
          return body();
        },
      });
      expect(after.error).toBeLessThan(before.error! * 0.8);
      expect(after).toMatchObject({ kept: before.kept, maskValid: true, damping: before.damping });
      expect(steps).toEqual(["choose", "refine"]);
      expect(backend.capabilities.allocatedBytes()).toBeLessThanOrEqual(allocated);
    }
  });

  it("should leave rows that are solved and inputs that never fire as they are", async () => {
    using site = disposable(
      siteWith(
        [[3, 1, 0, 2]],
        [0, 1, 2, 0].map((h, i, all) => all.map((_, j) => (i === j ? h : 0))),
      ),
    );
    const report = await pruneSite(site, magnitude({ pattern: "2:4" }), { refine: "pcg" });
    expect(report).toMatchObject({ maskValid: true });
    expect(await numbers(site.weight)).toEqual([3, 0, 0, 2]);
  });

  it("should name the site that lacks statistics or has bad ones, and leave it as it was", async () => {
    using site = disposable(siteWith([[1, 2]]));
    await expect(pruneSite(site, magnitude(), { refine: "pcg" })).rejects.toThrow(
      /block\.0\.up has no statistics/,
    );
    using bad = disposable(
      siteWith(
        [[1, 2]],
        [
          [1, 0],
          [0, Number.NaN],
        ],
      ),
    );
    const allocated = backend.capabilities.allocatedBytes();
    await expect(pruneSite(bad, magnitude(), { refine: "pcg" })).rejects.toThrow(NonFiniteError);
    expect(await numbers(bad.weight)).toEqual([1, 2]);
    expect(backend.capabilities.allocatedBytes()).toBe(allocated);
  });

  it("should reject what it does not know", async () => {
    using site = disposable(randomSite(2, 4));
    for (const bad of [{ iterations: 0 }, { iterations: 1.5 }, { damping: -1 }, "gmres" as "pcg"]) {
      await expect(pruneSite(site, wanda(), { refine: bad })).rejects.toThrow(OptionError);
    }
  });
});
