import { formatPattern, type SparsityPattern } from "@denoise-rotator/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  magnitude,
  maskObeys,
  type Pruner,
  pruneSite,
  removedCount,
  sparsegpt,
  wanda,
} from "../src/index.js";
import { disposable, numbers, patternAndShape, pruners, randomSite, siteWith } from "./layers.js";

/** What each pruner removes of [rows, columns] by counting in its groups of comparison, blocks of 8 columns for SparseGPT. */
function expectedRemoved(pruner: Pruner, pattern: SparsityPattern, rows: number, columns: number): number {
  if (pattern.kind === "n:m") return (rows * columns * (pattern.of - pattern.keep)) / pattern.of;
  const share = (size: number) => removedCount(pattern.sparsity, size);
  if (pruner.name === "magnitude" || pruner.name === "admm") return share(rows * columns);
  if (pruner.name === "wanda") return rows * share(columns);
  let removed = 0;
  for (let start = 0; start < columns; start += 8) removed += share(rows * Math.min(8, columns - start));
  return removed;
}

describe.each(pruners.map((pruner) => [pruner.name, pruner] as const))("masks of %s", (name, pruner) => {
  // ADMM's scores pass through eigenvectors: equals differ by rounding.
  const exactly = it.skipIf(name === "admm");

  it("should obey every pattern on every shape, with exact counts and zeros where pruned", async () => {
    await fc.assert(
      fc.asyncProperty(patternAndShape, fc.nat(), async ({ pattern, rows, columns }, seed) => {
        using site = disposable(randomSite(rows, columns, { seed, dead: seed % 3 === 0 ? [0] : [] }));
        using before = site.weight.alias();
        const { weight, mask } = await pruner.prune(site, pattern);
        const [old = [], values = [], kept = []] = await Promise.all([before, weight, mask].map(numbers));
        weight.dispose();
        mask.dispose();
        expect(maskObeys(kept, columns, pattern), formatPattern(pattern)).toBe(true);
        const removed = kept.filter((flag) => flag === 0).length;
        expect(removed).toBe(expectedRemoved(pruner, pattern, rows, columns));
        kept.forEach((flag, i) => {
          if (flag === 0) expect(values[i]).toBe(0);
          else if (!pruner.updatesWeights) expect(values[i]).toBe(old[i]);
        });
      }),
      { numRuns: 60 },
    );
  });

  exactly("should change nothing when run again", async () => {
    await fc.assert(
      fc.asyncProperty(patternAndShape, fc.nat(), async ({ pattern, rows, columns }, seed) => {
        using site = disposable(randomSite(rows, columns, { seed, dead: [columns - 1, columns >> 1] }));
        const first = await pruneSite(site, pruner, { pattern });
        const once = await site.weight.read();
        const second = await pruneSite(site, pruner, { pattern });
        expect(await site.weight.read()).toEqual(once);
        expect(second.pruned).toBe(first.pruned);
        expect(second.error).toBe(0);
      }),
      { numRuns: 25 },
    );
  });

  exactly("should prune the lower index first among equals", async () => {
    const equal = [
      [1, 1, -1, 1],
      [-1, 1, 1, 1],
    ];
    const identity = [0, 1, 2, 3].map((i) => [0, 1, 2, 3].map((j) => Number(i === j)));
    using site = disposable(siteWith(equal, identity));
    const { weight, mask } = await pruner.prune(site, { kind: "n:m", keep: 2, of: 4 });
    expect(await mask.toNested()).toEqual([
      [false, false, true, true],
      [false, false, true, true],
    ]);
    weight.dispose();
    mask.dispose();
    const half = await pruner.prune(site, { kind: "unstructured", sparsity: 0.5 });
    const row = pruner.name === "wanda" ? [false, false, true, true] : [false, false, false, false];
    const other = pruner.name === "wanda" ? row : [true, true, true, true];
    expect(await half.mask.toNested()).toEqual([row, other]);
    half.weight.dispose();
    half.mask.dispose();
  });
});

describe("comparison groups", () => {
  const weight = [
    [8, 7, 6, 5],
    [1, 2, 3, 4],
  ];

  it("should be the whole matrix for magnitude", async () => {
    using site = disposable(siteWith(weight));
    await pruneSite(site, magnitude({ pattern: 0.5 }));
    expect(await site.weight.toNested()).toEqual([
      [8, 7, 6, 5],
      [0, 0, 0, 0],
    ]);
  });

  it("should be each row for Wanda, scaled by the inputs' norms", async () => {
    const H = [100, 1, 1, 100].map((h, i) => [0, 1, 2, 3].map((j) => (i === j ? h : 0)));
    using site = disposable(siteWith(weight, H));
    await pruneSite(site, wanda({ pattern: "0.5" }));
    expect(await site.weight.toNested()).toEqual([
      [8, 0, 0, 5],
      [1, 0, 0, 4],
    ]);
  });
});

describe("shared positions", () => {
  const pattern = "1:2/2";

  it("should go by the sums over the rows that share them", async () => {
    const weight = [
      [3, 1, 2, 2],
      [0, 2, 1, 3],
      [5, 1, 1, 9],
      [1, 1, 9, 1],
    ];
    // Squares summed over rows 0, 1: 9, 5 | 5, 13; over rows 2, 3: 26, 2 | 82, 82, of which the lower index goes.
    const expected = [
      [3, 0, 0, 2],
      [0, 0, 0, 3],
      [5, 0, 0, 9],
      [1, 0, 0, 1],
    ];
    const identity = [0, 1, 2, 3].map((i) => [0, 1, 2, 3].map((j) => Number(i === j)));
    for (const pruner of [magnitude({ pattern }), wanda({ pattern }), sparsegpt({ pattern })]) {
      using site = disposable(siteWith(weight, identity));
      const report = await pruneSite(site, pruner);
      expect(await site.weight.toNested()).toEqual(expected);
      expect(report).toMatchObject({ pattern, maskValid: true, kept: 8 });
    }
  });

  it("should refuse rows that are no whole number of blocks, naming the site", async () => {
    using site = disposable(randomSite(6, 8));
    await expect(pruneSite(site, magnitude({ pattern: "2:4/4" }))).rejects.toThrow(
      "block.0.up: 6 outputs are not divisible by 4; choose another pattern than 2:4/4, or skip the site",
    );
  });
});

describe("counting", () => {
  it("should take a share for the decimal it is", () => {
    expect(removedCount(0.29, 100)).toBe(29);
    expect(removedCount(0.3, 6144)).toBe(1843);
    expect(removedCount(0.5, 7)).toBe(3);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 99 }), fc.integer({ min: 0, max: 1e6 }), (percent, size) => {
        expect(removedCount(percent / 100, size)).toBe(Math.floor((percent * size) / 100));
      }),
    );
  });

  it("should reject masks that keep too much or remove too much", () => {
    const twoOfFour: SparsityPattern = { kind: "n:m", keep: 2, of: 4 };
    expect(maskObeys([1, 1, 0, 0, 0, 1, 0, 1], 8, twoOfFour)).toBe(true);
    expect(maskObeys([1, 1, 1, 0, 0, 0, 0, 1], 8, twoOfFour)).toBe(false);
    expect(maskObeys([1, 0, 0, 0, 0, 1, 0, 1], 8, twoOfFour)).toBe(false);
    const shared: SparsityPattern = { ...twoOfFour, rows: 2 };
    expect(maskObeys([1, 1, 0, 0, 1, 1, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1], 4, shared)).toBe(true);
    expect(maskObeys([1, 1, 0, 0, 1, 0, 1, 0], 4, shared)).toBe(false);
    expect(maskObeys([1, 1, 0, 0], 4, shared)).toBe(false);
    expect(maskObeys(new Uint8Array(4096).fill(1), 64, { kind: "unstructured", sparsity: 0.5 })).toBe(false);
    expect(maskObeys([0, 0, 0, 1], 2, { kind: "unstructured", sparsity: 0.5 })).toBe(false);
  });
});
