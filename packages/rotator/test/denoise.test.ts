import { type Importance, type SiteRole, siteOf } from "@denoise-rotator/contracts";
import {
  createCpuBackend,
  entropy,
  fromArray,
  NonFiniteError,
  OptionError,
  ShapeError,
  type Tensor,
  toNumbers,
} from "@denoise-rotator/core";
import type { SolverState, StepInfo } from "@denoise-rotator/manifold";
import { beforeAll, describe, expect, it } from "vitest";
import {
  absorb,
  type DenoiseOptions,
  defaultSiteWeights,
  denoise,
  type Rotation,
  rotationToArrays,
  type SiteWeights,
  siteEntropies,
} from "../src/index.js";
import { columnScales, importanceOf } from "./importances.js";
import { ToyBlock, type ToyOptions } from "./toy-block.js";

const wanda = importanceOf("diagonal");

async function captured(options: ToyOptions = {}): Promise<ToyBlock> {
  const block = new ToyBlock(options);
  await block.capture();
  return block;
}

describe("denoise", () => {
  it.each(columnScales)(
    "should prune less importance after a few steps, columns scaled by %s",
    async (scale) => {
      const block = await captured();
      const values: number[] = [];
      const entropies: number[] = [];
      const { objective, sites } = await denoise(block, {
        ...{ importance: importanceOf(scale), steps: 15, onStep: ({ value }) => void values.push(value) },
        onImportances: async (_, role, S) => {
          expect((await toNumbers(S.sum()))[0]).toBeGreaterThan(0);
          if (role === "qProj") entropies.push((await toNumbers(entropy(S, { axis: 1 }).sum()))[0]!);
        },
      });
      expect(entropies).toHaveLength(2);
      expect(entropies[0]).toBeCloseTo(sites[0]!.entropy.before, 10);
      expect(entropies[1]).toBeCloseTo(sites[0]!.entropy.after, 10);
      expect(objective.name).toBe("direct 2:4");
      expect(objective.best).toBeLessThan(0.95 * objective.start);
      expect(objective.best).toBeLessThan(0.8 * objective.unrotated);
      expect(Math.min(...objective.trace)).toBeCloseTo(objective.best, 12);
      expect(values.length).toBeGreaterThanOrEqual(15);
      const sum = (key: "before" | "after") =>
        sites.reduce((total, { role, direct }) => total + (defaultSiteWeights[role] ?? 1) * direct![key], 0);
      expect(sum("before")).toBeCloseTo(objective.unrotated, 10);
      expect(sum("after")).toBeCloseTo(objective.best, 10);
    },
  );

  it.each(["0.5", "1:4"])("should learn for %s", async (pattern) => {
    const { objective } = await denoise(await captured(), { importance: wanda, pattern, steps: 10 });
    expect(objective.name).toBe(`direct ${pattern}`);
    expect(objective.best).toBeLessThan(objective.start);
  });

  it("should lower the entropy from the identity by the paper's solver", async () => {
    const { objective, sites } = await denoise(await captured(), {
      ...{ importance: wanda, objective: "entropy", steps: 20 },
    });
    expect(objective.start).toBe(objective.unrotated);
    expect(objective.best).toBeLessThan(objective.start - 1);
    const after = sites.reduce((total, { entropy }) => total + entropy.after, 0);
    expect(after).toBeCloseTo(objective.best, 8);
  });

  it("should start from the principal axes, dealt out, better than without", async () => {
    const at = async (start: DenoiseOptions["start"] & string) =>
      (await denoise(await captured({ hidden: 32 }), { importance: wanda, steps: 0, start })).objective.start;
    const [identity, pca, dealt] = [await at("identity"), await at("pca"), await at("pca-dealt")];
    expect(dealt).toBeLessThan(identity);
    expect(dealt).toBeLessThan(pca);
  });

  it("should spare the sites that weigh more", async () => {
    const block = await captured();
    const down = async (siteWeights: SiteWeights) => {
      const { sites } = await denoise(block, { importance: wanda, steps: 15, siteWeights });
      return sites.find(({ role }) => role === "downProj")!.direct!;
    };
    const [alike, heavy] = [await down({}), await down({ downProj: 20 })];
    expect(heavy.before).toBeCloseTo(alike.before, 12);
    expect(heavy.after).toBeLessThan(alike.after);
    await expect(down({ downProj: 0 })).rejects.toThrow(OptionError);
  });

  it("should learn a block-diagonal R1, which reaches less", async () => {
    const block = await captured({ hidden: 32 });
    const run = (r1Blocks: number) => denoise(block, { importance: wanda, steps: 15, r1Blocks });
    const [whole, halves] = [await run(1), await run(2)];
    expect(halves.objective.best).toBeLessThan(halves.objective.start);
    expect(halves.objective.best).toBeGreaterThan(whole.objective.best);
    const outside = halves.R1.slice([0, 16], [16]);
    expect(Math.max(...Array.from(await toNumbers(outside), Math.abs))).toBe(0);
    expect((await absorb(block, halves)).invarianceError).toBeLessThan(1e-10);
    await expect(run(3)).rejects.toThrow(OptionError);
    await expect(run(16)).rejects.toThrow(/multiple of 4/);
  });

  it("should continue from a checkpoint to the same bytes", async () => {
    const block = await captured({ dtype: "f32" });
    let resume: SolverState | undefined;
    const onStep = async ({ step, checkpoint }: StepInfo) => {
      if (step === 4) resume = structuredClone(await checkpoint());
    };
    const options = { importance: wanda, steps: 9, r1Blocks: 2 };
    const whole = await denoise(block, { ...options, onStep });
    const rest = await denoise(block, { ...options, resume: resume! });
    expect(rest.objective).toEqual(whole.objective);
    expect(await rotationToArrays(rest)).toEqual(await rotationToArrays(whole));
  });

  it("should deal the columns of the identity", async () => {
    const block = await captured({ hidden: 32 });
    const start = async (start: DenoiseOptions["start"] & string) =>
      (await denoise(block, { importance: wanda, steps: 0, start })).objective.best;
    expect(await start("identity-dealt")).toBeLessThan(await start("identity"));
  });

  it("should learn what absorbing then shows", async () => {
    const block = await captured({ norms: true });
    await block.foldNorms();
    await block.capture();
    const rotation = await denoise(block, { importance: wanda, steps: 8 });
    const { invarianceError } = await absorb(block, rotation);
    expect(invarianceError).toBeLessThan(1e-10);
    for (const [i, { entropy }] of (await siteEntropies(block, wanda)).entries()) {
      expect(entropy).toBeCloseTo(rotation.sites[i]!.entropy.after, 8);
    }
  });

  it("should learn in f32", async () => {
    const block = await captured({ dtype: "f32" });
    const rotation = await denoise(block, { importance: wanda, steps: 25 });
    expect(rotation.objective.best).toBeLessThan(rotation.objective.start);
    expect((await absorb(block, rotation)).invarianceError).toBeLessThan(1e-4);
  });

  it("should leave nothing behind but the rotation", async () => {
    const block = await captured({ backend: createCpuBackend() });
    const { capabilities } = block.inputs.backend;
    const before = capabilities.allocatedBytes();
    for (const objective of ["direct", "entropy"] as const) {
      const rotation = await denoise(block, {
        importance: importanceOf("inverseDiagonal"),
        objective,
        steps: 3,
      });
      rotation.dispose();
    }
    expect(capabilities.allocatedBytes()).toBe(before);
  });

  it("should stop when told to, and leave nothing behind", async () => {
    const block = await captured({ backend: createCpuBackend() });
    const { capabilities } = block.inputs.backend;
    const before = capabilities.allocatedBytes();
    const controller = new AbortController();
    const { signal } = controller;
    const onStep = ({ step }: { step: number }) => void (step === 2 && controller.abort());
    await expect(denoise(block, { importance: wanda, onStep, signal })).rejects.toThrow(/abort/i);
    await expect(denoise(block, { importance: wanda, signal })).rejects.toThrow(/abort/i);
    expect(capabilities.allocatedBytes()).toBe(before);
  });
});

describe("zeros", () => {
  async function withZeros(): Promise<ToyBlock> {
    const block = new ToyBlock();
    const clear = async (role: SiteRole, keep: (i: number, columns: number) => boolean) => {
      const { weight } = siteOf(block, role);
      const values = Array.from(await toNumbers(weight));
      const kept = values.map((value, i) => (keep(i, weight.shape[1]!) ? value : 0));
      siteOf(block, role).setWeight(fromArray(kept, weight.shape, { dtype: "f64" }));
    };
    await clear("qProj", (i, columns) => i >= 3 * columns); // three dead rows
    await clear("kProj", () => false);
    await clear("downProj", (i, columns) => i % columns > 1); // two dead columns
    await clear("oProj", () => false);
    await block.capture();
    return block;
  }

  let block: ToyBlock;
  beforeAll(async () => {
    block = await withZeros();
  });

  it.each(columnScales)("should count as entropy 0, columns scaled by %s", async (scale) => {
    const entropies = await siteEntropies(block, importanceOf(scale));
    const of = (role: SiteRole) => entropies.find((site) => site.role === role)!.entropy;
    expect([of("kProj"), of("oProj")]).toEqual([0, 0]);
    expect(of("qProj")).toBeGreaterThan(0);
  });

  it.each(["direct", "entropy"] as const)("should not disturb the %s objective", async (objective) => {
    const { sites, ...rotation } = await denoise(block, { importance: wanda, objective, steps: 5 });
    expect(rotation.objective.best).toBeLessThan(rotation.objective.unrotated);
    expect(sites.find(({ role }) => role === "kProj")!.entropy).toEqual({ before: 0, after: 0 });
  });
});

describe("bounds", () => {
  it("should keep every group's entropy within ln of its size", async () => {
    for (const seed of [1, 2, 3]) {
      const block = await captured({ seed });
      for (const scale of columnScales) {
        for (const { role, entropy } of await siteEntropies(block, importanceOf(scale))) {
          const [out, inputs] = siteOf(block, role).weight.shape as [number, number];
          const rows = role === "downProj" ? 0 : out * Math.log(inputs);
          const columns = ["vProj", "oProj", "downProj"].includes(role) ? inputs * Math.log(out) : 0;
          expect(entropy).toBeGreaterThan(0);
          expect(entropy).toBeLessThanOrEqual(rows + columns);
        }
      }
    }
  });
});

describe("bad input", () => {
  const run = (block: ToyBlock, options: Partial<DenoiseOptions> = {}): Promise<Rotation> =>
    denoise(block, { importance: wanda, steps: 1, ...options });
  const poison = (x: Tensor, value: number) =>
    fromArray([value, ...new Array(x.size - 1).fill(0.5)], x.shape, { dtype: x.dtype });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])("should name the site of a weight of %s", async (value) => {
    for (const role of ["kProj", "downProj"] as const) {
      const block = await captured();
      siteOf(block, role).setWeight(poison(siteOf(block, role).weight, value));
      for (const objective of ["direct", "entropy"] as const) {
        await expect(run(block, { objective })).rejects.toThrow(`toy.0.${role}.weight holds NaN or infinity`);
        await expect(run(block, { objective })).rejects.toThrow(NonFiniteError);
      }
      await expect(siteEntropies(block, wanda)).rejects.toThrow(`toy.0.${role}: the entropy`);
    }
  });

  it("should name the site of NaN in H", async () => {
    const block = await captured();
    const { gram } = siteOf(block, "oProj").statistics!;
    siteOf(block, "oProj").setStatistics({ gram: poison(gram, Number.NaN), tokens: 1 });
    await expect(run(block)).rejects.toThrow("toy.0.oProj: H holds NaN or infinity");
  });

  it("should name the sites on which the objective overflows", async () => {
    const block = await captured();
    const { weight } = siteOf(block, "vProj");
    siteOf(block, "vProj").setWeight(weight.mul(1e200));
    await expect(run(block)).rejects.toThrow(/direct 2:4 objective is NaN on toy\.0\.vProj/);
  });

  it("should say what is missing or does not fit", async () => {
    const block = await captured();
    const { columnScale, ...opaque } = wanda;
    await expect(run(block, { importance: opaque as Importance })).rejects.toThrow(
      /wanda declares no columnScale/,
    );
    await expect(run(new ToyBlock())).rejects.toThrow(/await block\.capture\(\) first/);
    await expect(run(block, { pattern: "2:5" })).rejects.toThrow(ShapeError);
    await expect(run(block, { steps: -1 })).rejects.toThrow(OptionError);
    await expect(run(block, { steps: 1.5 })).rejects.toThrow(OptionError);
    await expect(run(block, { objective: "other" as never })).rejects.toThrow(OptionError);
    expect(columnScale).toBe("diagonal");
  });
});
