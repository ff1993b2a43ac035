import { wasm } from "@denoise-rotator/backend-wasm";
import { type Importance, parsePattern } from "@denoise-rotator/contracts";
import { type Backend, createCpuBackend, item, matmulFlops, tidy, toNumbers } from "@denoise-rotator/core";
import { createSolver, orthonormalityError } from "@denoise-rotator/manifold";
import {
  type DenoiseOptions,
  denoise,
  directObjective,
  entropyObjective,
  identityRotation,
  rotationProblem,
} from "@denoise-rotator/rotator";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeOnBackends } from "./backends.js";
import { syntheticBlock } from "./synthetic-block.js";

/** A quarter of the embedded model's sizes, in its proportions. */
const shape = { hidden: 64, heads: { count: 8, keyValueCount: 2, dim: 8 }, intermediate: 176 };
const wanda: Importance = {
  name: "wanda",
  columnScale: "diagonal",
  of: async ({ weight, statistics }) => tidy(() => weight.square().mul(statistics!.gram.diagonal())),
};

describeOnBackends("learning rotations", ({ slow, open }) => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await open();
  });
  afterAll(() => backend.dispose());

  it("should learn what wasm learns", async () => {
    const learn = async (on: Backend) => {
      const block = await syntheticBlock(shape, on, "f32");
      const rotation = await denoise(block, { importance: wanda, steps: slow ? 3 : 8 });
      const { R1, R2, objective } = rotation;
      for (const R of [R1, R2]) expect(await item(orthonormalityError(R))).toBeLessThan(1e-5);
      rotation.dispose();
      return objective;
    };
    await using reference = await wasm();
    const [ours, expected] = [await learn(backend), await learn(reference)];
    expect(ours.best).toBeLessThan(ours.unrotated);
    expect(Math.abs(ours.best / expected.best - 1)).toBeLessThan(0.01);
  });

  it.each(["2:4", "4:8", "1:3", "0.5", "entropy"])(
    "should evaluate %s and its gradients as in f64",
    async (kind) => {
      const sizes = kind === "1:3" ? { hidden: 48, heads: { count: 6, keyValueCount: 2, dim: 8 } } : {};
      const evaluate = async (on: Backend, dtype: "f32" | "f64") => {
        const block = await syntheticBlock({ ...shape, ...sizes, intermediate: 192 }, on, dtype);
        const problem = await rotationProblem(block, wanda);
        const objective =
          kind === "entropy" ? entropyObjective(problem) : directObjective(problem, parsePattern(kind));
        const { R1, R2 } = identityRotation(block);
        const { value, gradients } = await objective.evaluate([R1, R2]);
        return {
          value,
          gradients: await Promise.all(gradients.map(async (g) => Array.from(await toNumbers(g)))),
        };
      };
      const [fused, exact] = [await evaluate(backend, "f32"), await evaluate(createCpuBackend(), "f64")];
      expect(Math.abs(fused.value / exact.value - 1)).toBeLessThan(1e-5);
      for (const [i, expected] of exact.gradients.entries()) {
        const size = Math.max(...expected.map(Math.abs));
        const off = Math.max(...expected.map((g, j) => Math.abs(g - fused.gradients[i]![j]!)));
        expect(off / size).toBeLessThan(1e-4);
      }
    },
  );
});

describe("learning rotations on wasm", () => {
  it("should cost at most a fifteenth of the paper's 2000 steps in products, start included", async () => {
    await using backend = await wasm();
    const block = await syntheticBlock(shape, backend, "f32");
    const flopsOf = async (options: Partial<DenoiseOptions>) => {
      const before = matmulFlops();
      (await denoise(block, { importance: wanda, ...options })).dispose();
      return matmulFlops() - before;
    };
    const ours = await flopsOf({});
    // Steps cost the same each: two runs tell what one does and what surrounds them.
    const [few, more] = [
      await flopsOf({ preset: "paper", steps: 2 }),
      await flopsOf({ preset: "paper", steps: 12 }),
    ];
    const paper = few + ((2000 - 2) * (more - few)) / 10;
    expect(paper / ours).toBeGreaterThan(15);
  });

  it("should not grow in memory over 1,000 steps, and tell its peak", { timeout: 240_000 }, async () => {
    const small = await wasm();
    const sizes = { hidden: 16, heads: { count: 4, keyValueCount: 2, dim: 4 }, intermediate: 24 };
    const block = await syntheticBlock(sizes, small, "f32");
    for (const solver of ["muon", "qr-adam", "adam"] as const) {
      const usage: number[] = [];
      const before = small.capabilities.allocatedBytes();
      const rotation = await denoise(block, {
        ...{ importance: wanda, solver: createSolver(solver), steps: 1000 },
        onStep: () => usage.push(small.capabilities.allocatedBytes()),
      });
      // The best point may share its buffers with the current one.
      const point = 4 * (rotation.R1.size + rotation.R2.size) + 256;
      expect(Math.max(...usage)).toBeLessThanOrEqual(Math.min(...usage) + point);
      expect(rotation.objective.peakBytes).toBeGreaterThan(Math.max(...usage));
      rotation.dispose();
      expect(small.capabilities.allocatedBytes()).toBe(before);
    }
    await small.dispose();
  });
});
