import { OptionError, Random } from "@denoise-rotator/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bootstrapMean, comparePaired, mcnemar } from "../../src/index.js";

const normal = (random: Random, count: number, mean: number) =>
  Array.from({ length: count }, () => mean + random.nextNormal());

describe("mcnemar", () => {
  it("should be the binomial test, worked by hand", () => {
    // 1 of 6: 2·(1 + 6)/64. 0 of 5: 2/32.
    expect(mcnemar({ onlyFirst: 1, onlySecond: 5 })).toBeCloseTo(14 / 64, 12);
    expect(mcnemar({ onlyFirst: 5, onlySecond: 0 })).toBeCloseTo(2 / 32, 12);
    expect(mcnemar({ onlyFirst: 0, onlySecond: 0 })).toBe(1);
    expect(mcnemar({ onlyFirst: 3, onlySecond: 3 })).toBe(1);
    // Far out, with thousands of pairs; scipy.stats.binomtest(4800, 10000).pvalue.
    expect(mcnemar({ onlyFirst: 4800, onlySecond: 5200 }) / 6.593515598672343e-5).toBeCloseTo(1, 8);
  });
});

describe("bootstrapMean", () => {
  it("should hold the truth about as often as it says", () => {
    const random = new Random(1);
    let held = 0;
    for (let i = 0; i < 300; i++) {
      const { low, high } = bootstrapMean(normal(random, 60, 0.5), { seed: i, resamples: 400 });
      if (low <= 0.5 && 0.5 <= high) held++;
    }
    // Of 300 at 95 %, 285 ± 3.8; the percentile interval is a little short at 60 values.
    expect(held).toBeGreaterThan(268);
    expect(held).toBeLessThan(297);
  });

  it("should be about 2·1.96 standard errors wide, and the same for the same seed", () => {
    const values = normal(new Random(2), 400, 0);
    const interval = bootstrapMean(values, { seed: 3 });
    expect((interval.high - interval.low) / (2 * 1.96 * (1 / 20))).toBeCloseTo(1, 0);
    expect(bootstrapMean(values, { seed: 3 })).toEqual(interval);
    expect(bootstrapMean(values, { seed: 4 })).not.toEqual(interval);
    expect(() => bootstrapMean([])).toThrow(OptionError);
    expect(() => bootstrapMean([1], { level: 1 })).toThrow(OptionError);
  });
});

describe("comparePaired", () => {
  it("should find a small difference that is the same everywhere, which unpaired errors would hide", () => {
    const hard = normal(new Random(5), 50, 3);
    const result = comparePaired(
      hard,
      hard.map((value, i) => value + 0.1 + 0.01 * (i % 3)),
    );
    expect(result.shown).toBe(true);
    expect(result.difference).toBeCloseTo(0.1098, 3);
    expect(result.interval.low).toBeGreaterThan(0.1);
    expect(result.mcnemar).toBeNull();
  });

  it("should show none between a model and itself, nor by a few lucky examples", () => {
    const right = [1, 0, 1, 1, 0, 0, 1, 0];
    const same = comparePaired(right, right);
    expect(same).toMatchObject({ difference: 0, interval: { low: 0, high: 0 }, shown: false });
    // Four more right of eight: the bootstrap alone would call that a difference.
    const lucky = comparePaired(right, [1, 1, 1, 1, 1, 1, 1, 1]);
    expect(lucky.interval.low).toBeGreaterThan(0);
    expect(lucky.mcnemar).toMatchObject({ onlyFirst: 0, onlySecond: 4 });
    expect(lucky.mcnemar!.p).toBeCloseTo(0.125, 12);
    expect(lucky.shown).toBe(false);
  });

  it("should turn its sign where the models change places", () => {
    const values = fc.array(fc.tuple(fc.integer({ min: 0, max: 1 }), fc.integer({ min: 0, max: 1 })), {
      minLength: 2,
      maxLength: 40,
    });
    fc.assert(
      fc.property(values, (given) => {
        const [first, second] = [given.map(([a]) => a), given.map(([, b]) => b)];
        const options = { resamples: 50 };
        const [forth, back] = [comparePaired(first, second, options), comparePaired(second, first, options)];
        expect(forth.difference + back.difference).toBeCloseTo(0, 12);
        expect(forth.interval.low + back.interval.high).toBeCloseTo(0, 12);
        expect(forth.mcnemar!.p).toBe(back.mcnemar!.p);
        expect(forth.shown).toBe(back.shown);
        expect(forth.difference).toBeCloseTo(forth.second - forth.first, 12);
      }),
    );
  });

  it("should refuse what cannot be paired", () => {
    expect(() => comparePaired([1, 2], [1])).toThrow("cannot pair 2 values with 1");
  });
});
