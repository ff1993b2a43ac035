import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { attention, cpu, grad, OptionError, Random, type Tensor } from "../src/index.js";

const f64 = { dtype: "f64" } as const;

/** Attention with a window as loops, over nested arrays `[b][h][t][d]`. */
function loops(q: number[][][][], k: number[][][][], v: number[][][][], window: number): number[][][][] {
  return q.map((heads, b) =>
    heads.map((queries, h) => {
      const shared = Math.floor((h * k[b]!.length) / heads.length);
      const [keys, values] = [k[b]![shared]!, v[b]![shared]!];
      return queries.map((query, i) => {
        const last = i + keys.length - queries.length;
        const seen = keys.map((_, j) => j).filter((j) => j <= last && j > last - window);
        const weights = seen.map((j) =>
          Math.exp(query.reduce((sum, x, c) => sum + x * keys[j]![c]!, 0) / Math.sqrt(query.length)),
        );
        const total = weights.reduce((a, w) => a + w, 0);
        return values[0]!.map((_, c) =>
          seen.reduce((a, j, n) => a + (weights[n]! / total) * values[j]![c]!, 0),
        );
      });
    }),
  );
}

const nested = async (x: Tensor) => (await x.toNested()) as number[][][][];

describe("attention with a window", () => {
  it("should be what loops give, for queries at the end of longer keys too", async () => {
    const sizes = fc.record({
      queries: fc.integer({ min: 1, max: 9 }),
      earlier: fc.integer({ min: 0, max: 5 }),
      window: fc.integer({ min: 1, max: 16 }),
      groups: fc.integer({ min: 1, max: 2 }),
      seed: fc.integer({ min: 0, max: 1000 }),
    });
    await fc.assert(
      fc.asyncProperty(sizes, async ({ queries, earlier, window, groups, seed }) => {
        const random = new Random(seed);
        const q = random.normal([2, 2, queries, 4], f64);
        const k = random.normal([2, groups, queries + earlier, 4], f64);
        const v = random.normal([2, groups, queries + earlier, 4], f64);
        const expected = loops(await nested(q), await nested(k), await nested(v), window);
        const found = await nested(attention(q, k, v, { window }));
        found.flat(3).forEach((x, i) => {
          expect(x).toBeCloseTo(expected.flat(3)[i]!, 12);
        });
      }),
      { numRuns: 60 },
    );
  });

  it("should take long sequences some queries at a time, in memory that grows with the window", async () => {
    const random = new Random(1);
    const [q, k, v] = [0, 1, 2].map(() => random.normal([1, 1, 1500, 2], f64)) as [Tensor, Tensor, Tensor];
    const expected = loops(await nested(q), await nested(k), await nested(v), 300);
    const found = (await nested(attention(q, k, v, { window: 300 }))).flat(3);
    found.forEach((x, i) => {
      expect(x).toBeCloseTo(expected.flat(3)[i]!, 12);
    });
  });

  it("should hide nothing where the window holds all keys: the backend's kernel runs", async () => {
    const random = new Random(2);
    const [q, k, v] = [0, 1, 2].map(() => random.normal([1, 2, 5, 4])) as [Tensor, Tensor, Tensor];
    const all = await attention(q, k, v).read();
    expect(await attention(q, k, v, { window: 5 }).read()).toEqual(all);
    expect(await attention(q, k, v, { window: 4 }).read()).not.toEqual(all);
  });

  it("should have the gradient of finite differences", async () => {
    const random = new Random(3);
    const [q, k, v] = [0, 1, 2].map(() => random.normal([1, 2, 4, 2], f64)) as [Tensor, Tensor, Tensor];
    const f = (x: Tensor) => attention(q, x, v, { window: 2 }).square().sum();
    const direction = random.normal(k.shape, f64);
    const slope = (await grad(f)(k).mul(direction).sum().toNested()) as unknown as number;
    const h = 1e-5;
    const up = (await f(k.add(direction.mul(h))).toNested()) as unknown as number;
    const down = (await f(k.sub(direction.mul(h))).toNested()) as unknown as number;
    expect(slope).toBeCloseTo((up - down) / (2 * h), 6);
  });

  it("should free what it makes, and refuse windows without meaning", () => {
    const q = new Random(4).normal([1, 1, 3, 2]);
    const before = cpu.capabilities.allocatedBytes();
    attention(q, q, q, { window: 2 }).dispose();
    expect(cpu.capabilities.allocatedBytes()).toBe(before);
    expect(() => attention(q, q, q, { window: 0 })).toThrow(OptionError);
    expect(() => attention(q, q, q, { window: 1.5 })).toThrow("window 1.5 is a number of keys ≥ 1");
    expect(() => attention(q, q, q, { window: 2, causal: false })).toThrow("with causal: true only");
  });
});
