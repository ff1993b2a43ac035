import { type WasmBackend, wasm } from "@denoise-rotator/backend-wasm";
import { parsePattern, type SiteStatistics } from "@denoise-rotator/contracts";
import { type Backend, createCpuBackend, matmulFlops, type Tensor, toNumbers } from "@denoise-rotator/core";
import { createSolver } from "@denoise-rotator/manifold";
import {
  type DenoiseOptions,
  denoise,
  directObjective,
  entropyObjective,
  identityRotation,
  rotationProblem,
} from "@denoise-rotator/rotator";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { importanceOf } from "../packages/rotator/test/importances.js";
import { ToyBlock } from "../packages/rotator/test/toy-block.js";

/** A quarter of the embedded model's sizes, in its proportions. */
const shape = { hidden: 64, heads: { count: 8, keyValueCount: 2, dim: 8 }, intermediate: 176, tokens: 96 };
const wanda = importanceOf("diagonal");

describe("learning rotations on wasm", () => {
  let backend: WasmBackend;
  beforeAll(async () => {
    backend = await wasm();
  });
  afterAll(() => backend.dispose());

  async function captured(on: Backend = backend, dtype: "f32" | "f64" = "f32"): Promise<ToyBlock> {
    const block = new ToyBlock({ ...shape, dtype, backend: on });
    await block.capture();
    return block;
  }

  it("should cost at most a fifteenth of the paper's 2000 steps in products, start included", async () => {
    const block = await captured();
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

  it.each(["2:4", "4:8", "1:3", "0.5", "entropy"])(
    "should evaluate %s and its gradients as in f64",
    async (kind) => {
      const sizes = kind === "1:3" ? { hidden: 48, heads: { count: 6, keyValueCount: 2, dim: 8 } } : {};
      const evaluate = async (on: Backend, dtype: "f32" | "f64") => {
        const block = new ToyBlock({ ...shape, ...sizes, intermediate: 192, dtype: "f64" });
        await block.capture();
        const moved = new Map<Tensor, SiteStatistics>();
        for (const { statistics } of block.sites) {
          const { gram, tokens } = statistics!;
          if (!moved.has(gram)) moved.set(gram, { gram: await gram.cast(dtype).to(on), tokens });
        }
        for (const site of block.sites) {
          site.setWeight(await site.weight.cast(dtype).to(on));
          site.setStatistics(moved.get(site.statistics!.gram)!);
        }
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

  it("should not grow in memory over 1,000 steps, and tell its peak", async () => {
    const small = await wasm();
    const block = new ToyBlock({ hidden: 16, intermediate: 24, dtype: "f32", backend: small });
    await block.capture();
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
