import { parsePattern } from "@denoise-rotator/contracts";
import { item, OptionError, type Tensor, tidy } from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import {
  denoise,
  directObjective,
  entropyObjective,
  identityRotation,
  type RotationProblem,
  rotationProblem,
} from "../src/index.js";
import type { RowSample } from "../src/row-sample.js";
import { importanceOf } from "./importances.js";
import { ToyBlock } from "./toy-block.js";

const wanda = importanceOf("diagonal");
const pattern = parsePattern("2:4");
const shared = parsePattern("2:4/4");

async function captured(): Promise<ToyBlock> {
  const block = new ToyBlock({ intermediate: 32 });
  await block.capture();
  return block;
}

/** Largest |a − b| relative to the largest |b|. */
const distance = (a: Tensor, b: Tensor) => item(tidy(() => a.sub(b).abs().max().div(b.abs().max())));

describe("row sampling", () => {
  it.each(["direct", "shared", "entropy"] as const)(
    "should estimate %s and its gradients without bias",
    async (kind) => {
      const block = await captured();
      const problem = await rotationProblem(block, wanda);
      const make = (problem: RotationProblem, rowSample?: RowSample) =>
        kind === "entropy"
          ? entropyObjective(problem, { rowSample })
          : directObjective(problem, kind === "direct" ? pattern : shared, { rowSample });
      using rotation = identityRotation(block);
      const points = [rotation.R1, rotation.R2];
      const exact = await make(problem).evaluate(points);
      const sampled = make(problem, { share: 0.5, until: 1, group: 4, rows: kind === "shared" ? 4 : 1 });
      const draws = 400;
      let value = 0;
      let sums = exact.gradients.map((g) => g.mul(0));
      for (let step = 0; step < draws; step++) {
        const estimate = await sampled.evaluate(points, { step, steps: draws, seed: 5 });
        expect(estimate.exact).toBe(false);
        value += estimate.value / draws;
        sums = sums.map((sum, i) => tidy(() => sum.add(estimate.gradients[i]!.div(draws))));
      }
      expect(value / exact.value).toBeCloseTo(1, 1.5);
      for (const [i, g] of exact.gradients.entries()) expect(await distance(sums[i]!, g)).toBeLessThan(0.12);
    },
  );

  it("should see everything at the end, and draw by seed and step", async () => {
    const block = await captured();
    const problem = await rotationProblem(block, wanda);
    const objective = directObjective(problem, pattern, { rowSample: { share: 0.5, until: 0.5, group: 4 } });
    using rotation = identityRotation(block);
    const at = async (step: number, seed = 0) =>
      objective.evaluate([rotation.R1, rotation.R2], { step, steps: 10, seed });
    const values = async (...list: ReturnType<typeof at>[]) =>
      (await Promise.all(list)).map(({ value }) => value);
    const [a, again, other, reseeded] = await values(at(2), at(2), at(3), at(2, 1));
    expect(again).toBe(a);
    expect(other).not.toBe(a);
    expect(reseeded).not.toBe(a);
    const whole = await objective.evaluate([rotation.R1, rotation.R2]);
    expect(await values(at(5), at(10))).toEqual([whole.value, whole.value]);
    expect((await at(5)).exact).not.toBe(false);
  });

  it("should learn nearly as well, the best being one that all rows were seen for", async () => {
    const block = await captured();
    const run = (rowSample: number) => denoise(block, { importance: wanda, steps: 30, rowSample, seed: 1 });
    const [half, whole] = [await run(0.5), await run(1)];
    expect(half.objective.best).toBeLessThan(0.5 * half.objective.unrotated + 0.5 * whole.objective.best);
    expect(half.objective.best).toBe(Math.min(...half.objective.trace.slice(18)));
    expect((await run(0.5)).objective.trace).toEqual(half.objective.trace);
    for (const rowSample of [0, 1.5, { share: 0.5, until: 2 }]) {
      await expect(denoise(block, { importance: wanda, rowSample })).rejects.toThrow(OptionError);
    }
  });
});
