import { learningCheck, statisticsRoles, uniform, type Work, weightShapes } from "@denoise-rotator/bench";
import { describe, expect, it } from "vitest";
import { ourWasm } from "../src/contenders/ours.js";
import type { Row } from "../src/harness/harness.js";
import { learningReport, learningSummaries } from "../src/report/learning-summary.js";

const shape = { hidden: 16, heads: 4, keyValueHeads: 2, headDim: 4, intermediate: 24 };
const work = (kind: Work["kind"], steps: number): Work => ({
  name: "small",
  kind,
  sizes: [...Object.values(shape), steps],
  flops: 0,
  bytes: 0,
});

/** Weights, and identities as H. */
const arrays = () => [
  ...weightShapes(shape).map((each, i) => uniform(each, i + 1)),
  ...statisticsRoles.map((role) => {
    const n = role === "downProj" ? shape.intermediate : shape.hidden;
    return { shape: [n, n], data: Float32Array.from({ length: n * n }, (_, i) => (i % (n + 1) ? 0 : 1)) };
  }),
];

async function learn(preset: "default" | "paper", kind: "learning" | "learningSteps", steps: number) {
  const contender = await ourWasm(1, { turbo: false, preset });
  const prepared = await contender.prepare(work(kind, steps), arrays());
  await prepared.run();
  const results = await prepared.results();
  expect(learningCheck.error(work(kind, steps), arrays(), results)).toBeLessThan(learningCheck.tolerance);
  return learningCheck.details!(results);
}

describe("our contenders of learning", () => {
  it("should take the default's own steps, and of the paper's recipe as many as asked for", async () => {
    expect((await learn("default", "learning", 3)).steps).toBe(60);
    const paper = await learn("paper", "learning", 3);
    expect(paper.steps).toBe(3);
    expect(paper.paperGflops!).toBeGreaterThan(paper.gflops! * 300);
  });

  it("should lower the objective with more steps", async () => {
    for (const preset of ["default", "paper"] as const) {
      const [few, many] = [await learn(preset, "learningSteps", 1), await learn(preset, "learningSteps", 20)];
      expect(many.objective!).toBeLessThan(few.objective!);
    }
  });
});

describe("the summary", () => {
  const row = (contender: string, median: number, details: Record<string, number>): Row => ({
    ...{
      work: "learning-x",
      contender,
      threads: 1,
      median,
      unit: "ms",
      ratio: 1,
      gflops: null,
      error: 0,
      details,
    },
  });
  const rows = [
    row("ours", 1000, { steps: 60, gflops: 10, paperGflops: 0 }),
    row("ours-paper", 900, { steps: 40, gflops: 8, paperGflops: 200 }),
    row("peer", 500, { steps: 40, gflops: 0, paperGflops: 0 }),
  ];
  const names = { ours: "ours", ourPaper: "ours-paper", peer: "peer" };

  it("should scale the peer's steps and say so", () => {
    const [summary] = learningSummaries(rows, 400, names);
    expect(summary).toMatchObject({
      measured: 500,
      measuredSteps: 40,
      scaled: 5000,
      speedup: 5,
      flopsRatio: 0.05,
    });
    expect(learningReport([summary!])).toContain("5000 (400 steps, from 500 for 40)");
  });

  it("should be empty without the peer", () => {
    expect(learningSummaries(rows.slice(0, 2), 400, names)).toEqual([]);
  });
});
