import { wasm } from "@denoise-rotator/backend-wasm";
import { createCpuBackend } from "@denoise-rotator/core";
import { afterAll, describe, expect, it } from "vitest";
import type { Dense, Work } from "../src/contender.js";
import { ours } from "../src/contenders/ours.js";
import { decoderBlock } from "../src/works/decoder-block.js";
import { add, exp, log, rmsNorm, softmax } from "../src/works/elementwise.js";
import { cholesky, qr, symmetricEigen, triangularInverse } from "../src/works/factorisations.js";
import { workChecks } from "../src/works/index.js";
import { learningSteps } from "../src/works/learning.js";
import { attention, gemm, linear } from "../src/works/products.js";
import { rowMax, sum } from "../src/works/reductions.js";
import { rotationStep } from "../src/works/rotation-step.js";
import { linear24 } from "../src/works/sparse-linear.js";

const works: Work[] = [
  gemm(24, 40, 32),
  gemm(8, 12, 16, 3),
  linear(7, 20, 12),
  linear24(7, 20, 16),
  attention(2, 33, 8),
  exp(1000),
  log(1000),
  softmax(70, 50),
  add(100),
  rmsNorm(5, 64),
  sum(1000),
  rowMax(9, 31),
  cholesky(48),
  qr(40),
  symmetricEigen(24),
  triangularInverse(40),
  decoderBlock("small", 9),
  rotationStep("small"),
  learningSteps("small", 2),
];

const spoiled = (results: readonly Dense[]): Dense[] =>
  results.map(({ shape, data }) => ({ shape, data: data.map((x) => x * 1.01 + 0.001) }));

const contender = ours(await wasm({ threads: 1 }), { name: "wasm", package: "", version: "" });
afterAll(() => contender.dispose());

describe("the check of every kind of work", () => {
  it.each(works.map((work) => [work.name, work] as const))(
    "should pass our %s, and no spoiled one",
    async (_, work) => {
      const { inputs, error, tolerance } = workChecks[work.kind];
      const operands = await inputs(work);
      const prepared = await contender.prepare(work, operands);
      await prepared.run();
      await prepared.finish();
      const results = await prepared.results();
      prepared.dispose();
      expect(await error(work, operands, results)).toBeLessThanOrEqual(tolerance);
      expect(await error(work, operands, spoiled(results))).toBeGreaterThan(tolerance);
      const nan = results.map(({ shape, data }) => ({ shape, data: data.map(() => Number.NaN) }));
      expect((await error(work, operands, nan)) <= tolerance).toBe(false);
    },
  );

  it("should give everybody the same inputs", async () => {
    for (const work of works) {
      const { inputs } = workChecks[work.kind];
      expect(await inputs(work)).toEqual(await inputs(work));
    }
  });

  it("should not take what has not moved for a step of rotation", async () => {
    const work = rotationStep("small");
    const { inputs, error } = workChecks.rotationStep;
    const identities = [
      { shape: [64, 64], data: Float32Array.from({ length: 64 * 64 }, (_, i) => (i % 65 ? 0 : 1)) },
      { shape: [2, 16, 16], data: Float32Array.from({ length: 512 }, (_, i) => ((i % 256) % 17 ? 0 : 1)) },
    ];
    expect(await error(work, await inputs(work), identities)).toBeGreaterThan(0.9);
  });
});

describe("what works leave behind", () => {
  it("should be nothing once they are disposed of", async () => {
    const backend = createCpuBackend();
    const tested = ours(backend, { name: "cpu", package: "", version: "" });
    for (const work of works) {
      const before = backend.capabilities.allocatedBytes();
      const prepared = await tested.prepare(work, await workChecks[work.kind].inputs(work));
      for (let i = 0; i < 2; i++) await prepared.run();
      prepared.dispose();
      expect(backend.capabilities.allocatedBytes(), work.name).toBe(before);
    }
  });
});
