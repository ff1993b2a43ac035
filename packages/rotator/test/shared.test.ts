import { type Importance, siteRoles } from "@denoise-rotator/contracts";
import {
  type Backend,
  createCpuBackend,
  OptionError,
  Random,
  type Tensor,
  tidy,
  toNumbers,
} from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import {
  absorb,
  blockMetrics,
  type DenoiseOptions,
  denoise,
  denoiseShared,
  inputEnergy,
  type MetricArrays,
  metricsFromArrays,
  metricsToArrays,
  packProblem,
  rotationProblem,
  type SharedSource,
} from "../src/index.js";
import { columnScales, importanceOf } from "./importances.js";
import { gqa, ToyBlock } from "./toy-block.js";

const wanda = importanceOf("diagonal");

async function toys(count: number, backend?: Backend): Promise<ToyBlock[]> {
  const dtype = backend ? ("f32" as const) : ("f64" as const);
  const blocks = Array.from(
    { length: count },
    (_, i) => new ToyBlock({ seed: 3 + i, dtype, ...(backend ? { backend } : {}) }),
  );
  for (const block of blocks) await block.capture();
  return blocks;
}

function sourceOf(
  blocks: readonly ToyBlock[],
  importance: Importance,
): SharedSource & { open: () => number } {
  let [open, most] = [0, 0];
  const { dtype, backend } = blocks[0]!.sites[0]!.weight;
  return {
    count: blocks.length,
    hiddenSize: blocks[0]!.hiddenSize,
    heads: gqa,
    placement: { dtype, backend },
    energy: tidy(() => blocks.map(inputEnergy).reduce((a, b) => a.add(b))),
    open: () => most,
    async problem(i) {
      const problem = await rotationProblem(blocks[i]!, importance, {
        siteWeights: { qProj: 0.25, kProj: 0.25, downProj: 2 },
      });
      most = Math.max(most, ++open);
      const dispose = () => {
        open--;
        problem.dispose();
      };
      return { ...problem, dispose, [Symbol.dispose]: dispose };
    },
  };
}

const settings: DenoiseOptions[] = [
  { importance: wanda, steps: 6 },
  { importance: wanda, steps: 4, objective: "entropy", solver: "qr-adam" },
  { importance: wanda, steps: 4, r1Blocks: 2 },
  { importance: wanda, steps: 5, rowSample: 0.5, seed: 3 },
  { importance: wanda, steps: 3, start: "identity", pattern: 0.5 },
];

describe("denoiseShared", () => {
  it.each(settings)("should be denoise where there is one block: %j", async (options) => {
    const blocks = await toys(1);
    using shared = await denoiseShared(sourceOf(blocks, wanda), options);
    using own = await denoise(blocks[0]!, options);
    expect(await toNumbers(shared.R1)).toEqual(await toNumbers(own.R1));
    expect(await toNumbers(shared.R2[0]!)).toEqual(await toNumbers(own.R2));
    expect(shared.sites[0]).toEqual(own.sites);
    expect({ ...shared.objective, name: "" }).toEqual({ ...own.objective, name: "" });
    expect(shared.objective.name).toContain("shared by 1 blocks");
  });

  it.each(columnScales)(
    "should lower the sum of the blocks' objectives, columns scaled by %s",
    async (scale) => {
      const importance = importanceOf(scale);
      const blocks = await toys(3);
      const source = sourceOf(blocks, importance);
      const seen: string[] = [];
      using shared = await denoiseShared(source, {
        steps: 15,
        onImportances: async (moment, role, S, block) => {
          if (role === "downProj") seen.push(`${moment} ${block} ${S.shape}`);
        },
      });
      const shape = blocks[0]!.sites.find(({ role }) => role === "downProj")!.weight.shape;
      const order = ["before", "after"].flatMap((moment) => [0, 1, 2].map((i) => `${moment} ${i} ${shape}`));
      expect(seen).toEqual(order);
      expect(shared.objective.best).toBeLessThan(shared.objective.start);
      expect(shared.objective.best).toBeLessThan(0.85 * shared.objective.unrotated);
      const sum = (key: "before" | "after") =>
        shared.sites.flat().reduce((total, { role, direct }) => {
          const weight = role === "qProj" || role === "kProj" ? 0.25 : role === "downProj" ? 2 : 1;
          return total + weight * direct![key];
        }, 0);
      expect(sum("before")).toBeCloseTo(shared.objective.unrotated, 9);
      expect(sum("after")).toBeCloseTo(shared.objective.best, 9);
      expect(source.open()).toBe(1);
      for (const [i, block] of blocks.entries()) {
        const { invarianceError } = await absorb(block, { R1: shared.R1, R2: shared.R2[i]! });
        expect(invarianceError).toBeLessThan(1e-10);
      }
    },
  );

  it("should have the gradient of finite differences, of R1 over all blocks", async () => {
    const blocks = await toys(2);
    const source = sourceOf(blocks, wanda);
    const evaluating = async (R1: Tensor) => {
      let value = 0;
      const gradients: Tensor[] = [];
      const probe = {
        name: "probe",
        minimize: async (
          objective: { evaluate(points: readonly Tensor[]): Promise<{ value: number; gradients: Tensor[] }> },
          start: readonly Tensor[],
        ) => {
          const found = await objective.evaluate([R1, ...start.slice(1)]);
          value = found.value;
          gradients.push(...found.gradients);
          return {
            points: start.map((x) => x.alias()),
            start: value,
            best: value,
            steps: 0,
            stopped: "budget" as const,
            trace: [value],
          };
        },
      };
      using _ = await denoiseShared(source, { solver: probe, objective: "entropy" });
      return { value, gradient: gradients[0]! };
    };
    const random = new Random(5);
    const R1 = random.normal([16, 16], { dtype: "f64" });
    const direction = random.normal([16, 16], { dtype: "f64" });
    const h = 1e-5;
    const { gradient } = await evaluating(R1);
    const slope = (await toNumbers(gradient.mul(direction).sum()))[0]!;
    const up = await evaluating(R1.add(direction.mul(h)));
    const down = await evaluating(R1.sub(direction.mul(h)));
    expect((up.value - down.value) / (2 * h) / slope).toBeCloseTo(1, 6);
  });

  it("should need no more memory for more blocks, but for their R2", async () => {
    const peaks: number[] = [];
    for (const count of [4, 8]) {
      const backend = createCpuBackend();
      const blocks = await toys(count, backend);
      const source = sourceOf(blocks, wanda);
      const resident = backend.capabilities.allocatedBytes();
      using shared = await denoiseShared(source, { steps: 4 });
      peaks.push(shared.objective.peakBytes! - resident);
      shared.dispose();
      expect(backend.capabilities.allocatedBytes()).toBe(resident);
    }
    const bytesOfR2 = 2 * 4 * 4 * 4;
    expect(peaks[1]! - peaks[0]!).toBeLessThanOrEqual(4 * 8 * bytesOfR2);
  });

  it("should stop at a signal and free what it made", async () => {
    const backend = createCpuBackend();
    const source = sourceOf(await toys(2, backend), wanda);
    const resident = backend.capabilities.allocatedBytes();
    const controller = new AbortController();
    const onStep = () => controller.abort(new Error("enough"));
    await expect(denoiseShared(source, { steps: 9, onStep, signal: controller.signal })).rejects.toThrow(
      "enough",
    );
    expect(backend.capabilities.allocatedBytes()).toBe(resident);
    await expect(denoiseShared(source, { r1Blocks: 3 })).rejects.toThrow(OptionError);
  });
});

describe("metrics as arrays", () => {
  it.each(columnScales)("should give the problem they were taken of, columns scaled by %s", async (scale) => {
    const importance = importanceOf(scale);
    const backend = createCpuBackend();
    const [block] = await toys(1, backend);
    const resident = backend.capabilities.allocatedBytes();
    {
      const metrics = await blockMetrics(block!, importance, { siteWeights: { vProj: 3 } });
      const arrays: MetricArrays = structuredClone(await metricsToArrays(metrics));
      metrics.dispose();
      const creation = { backend, dtype: "f32" as const };
      const back = metricsFromArrays(arrays, importance, { ...creation, siteWeights: { vProj: 3 } });
      using found = packProblem(block!, back);
      using expected = await rotationProblem(block!, importance, { siteWeights: { vProj: 3 } });
      expect(await found.packed.weights.read()).toEqual(await expected.packed.weights.read());
      expect(found.attentionMetric?.inverse).toBe(expected.attentionMetric?.inverse);
      for (const key of ["attentionMetric", "mlpMetric", "outputMetric"] as const) {
        expect(await found[key]?.matrix.read()).toEqual(await expected[key]?.matrix.read());
      }
      expect(await found.downScale?.read()).toEqual(await expected.downScale?.read());
      expect(Object.keys(found.siteWeights)).toEqual([...siteRoles]);
    }
    expect(backend.capabilities.allocatedBytes()).toBe(resident);
    expect(() => metricsFromArrays({}, importance, {})).toThrow("no factors");
  });
});
