import { NotPositiveDefiniteError, OptionError, tidy } from "@denoise-rotator/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pruneSite, sparsegpt, sparsegptImportance, wanda } from "../src/index.js";
import { inverseFactor } from "../src/inverse-factor.js";
import { backend, disposable, numbers, patternAndShape, randomSite, siteWith } from "./layers.js";
import { dampedHessian, energy, leastSquaresEnergy } from "./least-squares.js";

describe("sparsegpt", () => {
  it("should never lose less than exact least squares on its own mask", async () => {
    await fc.assert(
      fc.asyncProperty(patternAndShape, fc.nat(), async ({ pattern, rows, columns }, seed) => {
        using site = disposable(randomSite(rows, columns, { seed, dtype: "f64" }));
        const result = await sparsegpt({ blockSize: 8 }).prune(site, pattern);
        const [W, pruned, mask, gram] = (await Promise.all(
          [site.weight, result.weight, result.mask, site.statistics!.gram].map(numbers),
        )) as [number[], number[], number[], number[]];
        result.weight.dispose();
        result.mask.dispose();
        const H = dampedHessian(gram, columns, 0.01);
        const difference = W.map((w, i) => w - pruned[i]!);
        const lost = energy(difference, H, columns);
        const least = leastSquaresEnergy(W, H, mask, columns);
        expect(lost).toBeGreaterThanOrEqual(least * (1 - 1e-9) - 1e-9 * energy(W, H, columns));
      }),
      { numRuns: 40 },
    );
  });

  it("should be exact least squares where only the first columns of a row go", async () => {
    using site = disposable(randomSite(5, 12, { dtype: "f64" }));
    const weight = tidy(() => site.weight.mul(1));
    using head = weight.slice(null, [0, 4]);
    using small = tidy(() => head.mul(1e-9));
    weight.backend.kernels.copy(small.operand, head.operand);
    site.setWeight(weight);
    const W = await numbers(site.weight);
    const H = dampedHessian(await numbers(site.statistics!.gram), 12, 0.01);
    const { weight: pruned, mask } = await sparsegpt().prune(site, {
      kind: "unstructured",
      sparsity: 4 / 12,
    });
    const [values, flags] = [await numbers(pruned), await numbers(mask)];
    expect(flags.map((flag, i) => Number(i % 12 < 4) + flag)).toEqual(new Array(60).fill(1));
    const lost = energy(
      W.map((w, i) => w - values[i]!),
      H,
      12,
    );
    const least = leastSquaresEnergy(W, H, flags, 12);
    expect(Math.abs(lost / least - 1)).toBeLessThan(1e-6);
    pruned.dispose();
    mask.dispose();
  });

  it("should lose less than Wanda on correlated inputs, in f32", async () => {
    const errors: number[] = [];
    for (const pruner of [sparsegpt({ pattern: "2:4" }), wanda({ pattern: "2:4" })]) {
      using site = disposable(randomSite(40, 144, { seed: 3 }));
      errors.push((await pruneSite(site, pruner)).error!);
    }
    expect(errors[0]).toBeLessThan(0.8 * errors[1]!);
  });

  it("should give the same N:M weights whatever the block size", async () => {
    const results: number[][] = [];
    for (const blockSize of [1, 16, 128]) {
      using site = disposable(randomSite(6, 48, { seed: 4, dtype: "f64" }));
      await pruneSite(site, sparsegpt({ pattern: "3:8", blockSize }));
      results.push(await numbers(site.weight));
    }
    for (const other of results.slice(1)) {
      expect(Math.max(...other.map((x, i) => Math.abs(x - results[0]![i]!)))).toBeLessThan(1e-10);
    }
  });

  it("should set the weights of dead columns to zero and let them change nothing else", async () => {
    const dead = [1, 6, 7];
    using site = disposable(randomSite(4, 12, { dead, dtype: "f64" }));
    const report = await pruneSite(site, sparsegpt({ pattern: "2:4" }));
    expect(report.maskValid).toBe(true);
    const values = await numbers(site.weight);
    for (const j of dead) for (let r = 0; r < 4; r++) expect(values[r * 12 + j]).toBe(0);
    expect(values.every(Number.isFinite)).toBe(true);
  });

  it("should prune a layer none of whose inputs fire", async () => {
    using site = disposable(randomSite(4, 8, { dead: [0, 1, 2, 3, 4, 5, 6, 7] }));
    const report = await pruneSite(site, sparsegpt({ pattern: "2:4" }));
    expect(report).toMatchObject({ error: 0, sparsity: 0.5, maskValid: true });
  });

  it("should report the damping it used", async () => {
    using site = disposable(randomSite(4, 8, { dtype: "f64" }));
    const H = await numbers(site.statistics!.gram);
    const mean = [0, 1, 2, 3, 4, 5, 6, 7].reduce((sum, j) => sum + H[j * 9]!, 0) / 8;
    const report = await pruneSite(site, sparsegpt({ damping: 0.25 }));
    expect(report.damping).toBeCloseTo(0.25 * mean, 8);
  });

  it("should raise the damping where H is not positive definite, and say so", async () => {
    const indefinite = [
      [1, 1.5],
      [1.5, 1],
    ];
    using site = disposable(siteWith([[1, 2]], indefinite));
    expect((await pruneSite(site, sparsegpt())).damping).toBeCloseTo(1, 6);
  });

  it("should name the site where no damping helps", async () => {
    const indefinite = [
      [1, 2],
      [2, 1],
    ];
    using site = disposable(siteWith([[1, 2]], indefinite));
    const before = backend.capabilities.allocatedBytes();
    const failing = pruneSite(site, sparsegpt({ damping: 0 }));
    await expect(failing).rejects.toThrow(NotPositiveDefiniteError);
    await expect(failing).rejects.toThrow(/^block\.0\.up: H with its inputs in reverse order/);
    expect(backend.capabilities.allocatedBytes()).toBe(before);
  });

  it("should reject impossible options", () => {
    expect(() => sparsegpt({ blockSize: 0 })).toThrow(OptionError);
    expect(() => sparsegpt({ damping: -1 })).toThrow(/damping -1/);
    expect(() => sparsegpt({ pattern: "5:4" })).toThrow(OptionError);
  });
});

describe("inverseFactor", () => {
  it.each(["f64", "f32"] as const)("should give upper U with U·H·Uᵀ = I, in %s", async (dtype) => {
    using site = disposable(randomSite(1, 60, { seed: 5, dtype, dead: [3] }));
    const { gram } = site.statistics!;
    const factor = await inverseFactor(gram, { damping: 0.01, name: "layer" });
    const [H, U, dead] = [await numbers(gram), await numbers(factor.upper), await numbers(factor.dead)];
    factor.dispose();
    expect(dead.flatMap((flag, j) => (flag ? [j] : []))).toEqual([3]);
    const damped = dampedHessian(H, 60, 0.01);
    const at = (i: number, j: number) => U[i * 60 + j]!;
    let residual = 0;
    for (let i = 0; i < 60; i++) {
      for (let j = 0; j < 60; j++) {
        if (j < i) expect(at(i, j)).toBe(0);
        let sum = i === j ? -1 : 0;
        for (let k = i; k < 60; k++)
          for (let l = j; l < 60; l++) sum += at(i, k) * damped[k * 60 + l]! * at(j, l);
        residual = Math.max(residual, Math.abs(sum));
      }
    }
    expect(residual).toBeLessThan(dtype === "f64" ? 1e-11 : 1e-4);
  });
});

describe("sparsegptImportance", () => {
  it("should be W²/diag(H⁻¹)", async () => {
    using site = disposable(randomSite(3, 6, { dtype: "f64" }));
    const H = dampedHessian(await numbers(site.statistics!.gram), 6, 0.1);
    using S = await sparsegptImportance({ damping: 0.1 }).of(site);
    const [scores, W] = [await numbers(S), await numbers(site.weight)];
    for (let j = 0; j < 6; j++) {
      const alone = Array.from({ length: 6 }, (_, k) => Number(k === j));
      // Removing weight j with the best make-up by the others costs w²/[H⁻¹]_jj.
      const cost = leastSquaresEnergy(
        alone,
        H,
        alone.map((one) => 1 - one),
        6,
      );
      for (let r = 0; r < 3; r++) expect(scores[r * 6 + j]).toBeCloseTo(cost * W[r * 6 + j]! ** 2, 7);
    }
  });
});
