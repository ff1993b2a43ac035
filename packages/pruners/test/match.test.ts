import { readFileSync } from "node:fs";
import { type DecoderBlock, Site, type SiteRole } from "@denoise-rotator/contracts";
import {
  type FloatDType,
  NonFiniteError,
  OptionError,
  Random,
  type Tensor,
  tidy,
} from "@denoise-rotator/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matchedWeight, none, pruneBlock, pruneSite, sparsegpt } from "../src/index.js";
import { backend, disposable, hostTensor, numbers } from "./layers.js";

interface Streams {
  readonly weight: Tensor;
  /** `[in, tokens]`. */
  readonly x: Tensor;
  readonly dense: Tensor;
  /** R′ − R `[out, tokens]`. */
  readonly lost?: Tensor | undefined;
}

/** A site with the statistics of two streams. Takes ownership of the weight. */
function driftingSite({ weight, x, dense, lost }: Streams, role: SiteRole = "upProj"): Site & Disposable {
  const site = new Site({ name: "block.0.up", role, weight });
  const statistics = tidy(() => ({
    gram: x.matmul(x.transpose()),
    tokens: x.shape[1]!,
    drift: {
      inputs: dense.sub(x).matmul(x.transpose()),
      residual: lost?.matmul(x.transpose()),
    },
  }));
  site.setStatistics(statistics);
  return disposable(site);
}

function randomStreams(rows: number, columns: number, seed: number, dtype: FloatDType = "f64"): Streams {
  const random = new Random(seed);
  const normal = (shape: number[]) => random.normal(shape, { dtype, backend });
  const tokens = 2 * columns + 3;
  const dense = normal([columns, tokens]);
  return {
    weight: normal([rows, columns]),
    dense,
    x: tidy(() => dense.add(normal([columns, tokens]).mul(0.2))),
    lost: normal([rows, tokens]),
  };
}

/** Row-major values on the host: the gradient of ‖V·X − W·X′ − lost‖² + λ‖V − W‖² at V, halved. */
function halfGradient(V: Tensor, { weight, x, dense, lost }: Streams, strength: number): Tensor {
  return tidy(() => {
    const wanted = lost ? weight.matmul(dense).add(lost) : weight.matmul(dense);
    const lambda = x
      .square()
      .sum()
      .mul(strength / x.shape[0]!);
    return V.matmul(x).sub(wanted).matmul(x.transpose()).add(V.sub(weight).mul(lambda));
  });
}

describe("matchedWeight", () => {
  it("should be where the loss is flat", async () => {
    const shape = fc.record({
      rows: fc.integer({ min: 1, max: 6 }),
      columns: fc.integer({ min: 1, max: 12 }),
    });
    await fc.assert(
      fc.asyncProperty(shape, fc.nat(), fc.boolean(), async ({ rows, columns }, seed, outer) => {
        const all = randomStreams(rows, columns, seed);
        const streams = { ...all, lost: outer ? all.lost : undefined };
        using site = driftingSite(streams);
        using V = await matchedWeight(site, { damping: 0.05 });
        using gradient = halfGradient(V, streams, 0.05);
        expect(Math.max(...(await numbers(gradient)).map(Math.abs))).toBeLessThan(1e-9 * columns);
      }),
      { numRuns: 30 },
    );
  });

  it("should take what a capture multiplied with the weight already", async () => {
    const streams = randomStreams(3, 8, 4);
    for (const strength of [1, 0.5]) {
      using site = driftingSite({ ...streams, weight: streams.weight.mul(1) });
      using whole = await matchedWeight(site, { strength });
      const { gram, tokens } = site.statistics!;
      const outputs = tidy(() => {
        const { weight, dense, x, lost } = streams;
        return weight.matmul(dense.sub(x)).add(lost!).matmul(x.transpose());
      });
      site.setStatistics({ gram, tokens, drift: { outputs } });
      using same = await matchedWeight(site, { strength });
      const expected = await numbers(whole);
      (await numbers(same)).forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i]!, 10);
      });
    }
  });

  it("should be the weight itself where nothing was pruned before, and part of the way for a lesser strength", async () => {
    const { weight, dense } = randomStreams(3, 8, 1);
    using same = driftingSite({ weight, x: dense, dense });
    using V = await matchedWeight(same);
    expect(await numbers(V)).toEqual(await numbers(same.weight));
    using site = driftingSite(randomStreams(3, 8, 2));
    const W = await numbers(site.weight);
    const at = async (strength: number) => {
      using matched = await matchedWeight(site, { strength });
      return numbers(matched);
    };
    const [half, all] = [await at(0.5), await at(1)];
    expect(await at(0)).toEqual(W);
    half.forEach((value, i) => {
      expect(value).toBeCloseTo((W[i]! + all[i]!) / 2, 10);
    });
  });

  it.each([
    ["f64", 1e-9],
    ["f32", 1e-4],
  ] as const)("should be PyTorch's least squares, in %s", async (dtype, tolerance) => {
    const golden = JSON.parse(
      readFileSync(new URL("../../../goldens/beyond/match.json", import.meta.url), "utf8"),
    ) as Record<string, { shape: number[]; data: number[] }>;
    const read = (name: string) => hostTensor(golden[name]!.data, golden[name]!.shape, dtype);
    for (const [name, outer] of [
      ["matchedInner", false],
      ["matchedOuter", true],
    ] as const) {
      using lost = tidy(() => read("denseResidual").sub(read("residual")));
      using x = read("inputs");
      using dense = read("denseInputs");
      using site = driftingSite({ weight: read("weight"), x, dense, lost: outer ? lost : undefined });
      using V = await matchedWeight(site, { damping: 0.01 });
      const worst = (await numbers(V)).map((value, i) => Math.abs(value - golden[name]!.data[i]!));
      expect(Math.max(...worst)).toBeLessThan(tolerance);
    }
  });
});

describe("the option match", () => {
  /** ‖Ŵ·X − W·X′ − lost‖². */
  const loss = async (W: Tensor, { weight, x, dense, lost }: Streams) => {
    using total = tidy(() => W.matmul(x).sub(weight.matmul(dense)).sub(lost!).square().sum());
    return (await numbers(total))[0]!;
  };

  it("should bring the outputs closer to the dense ones, and say how far the target moved", async () => {
    for (const refine of ["none", "pcg"] as const) {
      const losses: number[] = [];
      for (const match of [false, true]) {
        const streams = randomStreams(16, 32, 7, "f32");
        using weight = streams.weight.alias();
        using site = driftingSite(streams);
        const steps: string[] = [];
        const report = await pruneSite(site, sparsegpt({ pattern: "2:4" }), {
          match,
          refine,
          measure: (step, body) => {
            steps.push(step);
            return body();
          },
        });
        expect(report.maskValid).toBe(true);
        if (match) expect(report.shift).toBeGreaterThan(0);
        else expect(report.shift).toBeUndefined();
        expect(steps).toEqual([
          ...(match ? ["match"] : []),
          "choose",
          ...(refine === "pcg" ? ["refine"] : []),
        ]);
        losses.push(await loss(site.weight, { ...streams, weight }));
      }
      expect(losses[1]).toBeLessThan(0.9 * losses[0]!);
    }
  });

  it("should name the site without drift or with a bad one, and leave it as it was", async () => {
    const streams = randomStreams(2, 4, 3);
    using site = driftingSite(streams);
    const { gram, tokens } = site.statistics!;
    const before = await numbers(site.weight);
    site.setStatistics({ gram, tokens });
    await expect(pruneSite(site, none(), { match: true })).rejects.toThrow(/block\.0\.up: no drift/);
    site.setStatistics({ gram, tokens, drift: { inputs: gram.mul(Number.NaN), residual: undefined } });
    const allocated = backend.capabilities.allocatedBytes();
    await expect(pruneSite(site, none(), { match: true })).rejects.toThrow(NonFiniteError);
    expect(await numbers(site.weight)).toEqual(before);
    expect(backend.capabilities.allocatedBytes()).toBe(allocated);
    for (const match of [{ strength: 2 }, { damping: 0 }]) {
      await expect(pruneSite(site, none(), { match })).rejects.toThrow(OptionError);
    }
  });

  it("should track the dense block before anything is captured or pruned", async () => {
    using site = driftingSite(randomStreams(4, 8, 5, "f32"));
    const calls: string[] = [];
    const block = {
      name: "block.0",
      sites: [site],
      groups: [["upProj"]],
      trackDense: () => calls.push("track"),
      capture: async () => void calls.push("capture"),
    };
    await pruneBlock(block as unknown as DecoderBlock, sparsegpt({ pattern: "2:4" }), { match: true });
    expect(calls).toEqual(["track", "capture"]);
    const without = { ...block, trackDense: undefined } as unknown as DecoderBlock;
    await expect(pruneBlock(without, sparsegpt(), { match: true })).rejects.toThrow(
      /block\.0 cannot be matched/,
    );
  });
});
