import { NonFiniteError, OptionError, Random } from "@denoise-rotator/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AllocationSite, allocateSparsity, scoreProfile } from "../src/index.js";
import { disposable, numbers, randomSite, siteWith } from "./layers.js";

/** Layers of log-normal scores of unequal means and spreads. */
function layers(count: number, seed: number): AllocationSite[] {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, i) => {
    const [mean, spread] = [3 * random.nextNormal(), Math.exp(random.nextNormal())];
    const profile = Float64Array.from({ length: 1025 }, () => mean + spread * random.nextNormal()).sort();
    const size = 1 + random.integer(5000);
    return { name: `layer.${i}`, size, profile, sensitivity: Math.exp(random.nextNormal()) };
  });
}

const meanOf = (shares: ReadonlyMap<string, number>, sites: readonly AllocationSite[]) =>
  sites.reduce((sum, { name, size }) => sum + shares.get(name)! * size, 0) /
  sites.reduce((sum, { size }) => sum + size, 0);

describe("allocateSparsity", () => {
  it("should meet the target within the bounds, whatever the layers", () => {
    const target = fc.double({ min: 0, max: 0.95, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.nat(), target, (count, seed, target) => {
        const sites = layers(count, seed);
        const shares = allocateSparsity(sites, target);
        expect(meanOf(shares, sites)).toBeCloseTo(target, 9);
        for (const share of shares.values()) {
          expect(share).toBeGreaterThanOrEqual(Math.min(0.25, target) - 1e-12);
          expect(share).toBeLessThanOrEqual(Math.max(0.75, target) + 1e-12);
        }
      }),
    );
  });

  it("should remove what one threshold removes, where no bound is reached", () => {
    const random = new Random(3);
    const sites = [0, 0.3, -0.4].map((mean, i) => {
      const profile = Float64Array.from({ length: 1025 }, () => mean + random.nextNormal()).sort();
      return { name: `layer.${i}`, size: 10 + i, profile };
    });
    const shares = allocateSparsity(sites, 0.5, { least: 0, most: 0.999 });
    const thresholds = sites.map(({ name, profile }) => {
      const at = shares.get(name)! * 1024;
      return profile[Math.floor(at)]! + (at % 1) * (profile[Math.ceil(at)]! - profile[Math.floor(at)]!);
    });
    for (const threshold of thresholds) expect(threshold).toBeCloseTo(thresholds[0]!, 6);
  });

  it("should spare what is sensitive, and treat equals alike", () => {
    const profile = Float64Array.from({ length: 1025 }, (_, i) => i / 100);
    const equal = ["a", "b", "c"].map((name) => ({ name, size: 10, profile }));
    for (const share of allocateSparsity(equal, 0.6).values()) expect(share).toBeCloseTo(0.6, 9);
    const [a, b] = equal as [AllocationSite, AllocationSite];
    const shares = allocateSparsity([a, { ...b, sensitivity: 5 }], 0.5);
    expect(shares.get("b")).toBeLessThan(shares.get("a")!);
  });

  it("should split a jump, such as among zeros", () => {
    const profile = new Float64Array(1025).fill(Number.NEGATIVE_INFINITY);
    const sites = ["a", "b"].map((name, i) => ({ name, size: 10 + i, profile }));
    expect(meanOf(allocateSparsity(sites, 0.4), sites)).toBeCloseTo(0.4, 12);
  });

  it("should refuse targets, bounds and sensitivities that make no sense", () => {
    const sites = layers(2, 1);
    for (const target of [-0.1, 1, Number.NaN])
      expect(() => allocateSparsity(sites, target)).toThrow(OptionError);
    expect(() => allocateSparsity(sites, 0.5, { most: 1 })).toThrow(OptionError);
    expect(() => allocateSparsity([{ ...sites[0]!, sensitivity: 0 }], 0.5)).toThrow(
      /layer\.0: sensitivity 0/,
    );
  });
});

describe("scoreProfile", () => {
  it("should be the quantiles of W²·diag(H) over the energy of the outputs", async () => {
    using site = disposable(randomSite(41, 25, { dtype: "f64", seed: 2 }));
    const [W, H] = [await numbers(site.weight), await numbers(site.statistics!.gram)];
    let energy = 0;
    for (let r = 0; r < 41; r++)
      for (let i = 0; i < 25; i++)
        for (let j = 0; j < 25; j++) energy += W[r * 25 + i]! * H[i * 25 + j]! * W[r * 25 + j]!;
    const scores = W.map((w, k) => Math.log((w * w * H[(k % 25) * 26]!) / energy)).sort((a, b) => a - b);
    const profile = await scoreProfile(site);
    // 41 · 25 weights, 1025 quantiles: every score is one.
    profile.forEach((score, i) => {
      expect(score).toBeCloseTo(scores[i]!, 9);
    });
  });

  it("should name the site whose weight or H is not finite", async () => {
    using site = disposable(
      siteWith(
        [[1, Number.NaN]],
        [
          [1, 0],
          [0, 1],
        ],
      ),
    );
    await expect(scoreProfile(site)).rejects.toThrow(NonFiniteError);
    await expect(scoreProfile(site)).rejects.toThrow(/block\.0\.up/);
  });
});
