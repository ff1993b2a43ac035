import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mean, median, quantile, relativeSpread, standardDeviation } from "../src/statistics.js";

describe("statistics", () => {
  it("should take medians of odd and even counts, means and sample deviations", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(median([])).toBeNaN();
    expect(mean([1, 2, 6])).toBe(3);
    expect(standardDeviation([1, 3])).toBeCloseTo(Math.SQRT2);
    expect(standardDeviation([7])).toBe(0);
  });

  it("should interpolate quantiles", () => {
    expect([0, 0.25, 0.5, 1].map((share) => quantile([1, 2, 3, 4, 5], share))).toEqual([1, 2, 3, 5]);
    expect(quantile([1, 2], 0.25)).toBe(1.25);
    expect(relativeSpread([1, 2, 3, 4, 5])).toBeCloseTo(2 / 3);
  });

  it("should keep quantiles in order and inside", () => {
    const values = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1 });
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (samples, share) => {
        const value = quantile(samples, share);
        expect(value).toBeGreaterThanOrEqual(Math.min(...samples));
        expect(value).toBeLessThanOrEqual(Math.max(...samples));
        expect(quantile(samples, share / 2)).toBeLessThanOrEqual(value);
      }),
    );
  });
});
