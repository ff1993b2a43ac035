import { readFileSync } from "node:fs";
import {
  type ColumnScale,
  type DecoderBlock,
  parsePattern,
  Site,
  type SiteRole,
} from "@denoise-rotator/contracts";
import { fromArray, type Tensor, toNumbers } from "@denoise-rotator/core";
import { muon, qrAdam } from "@denoise-rotator/manifold";
import { describe, expect, it } from "vitest";
import {
  denoise,
  directObjective,
  entropyObjective,
  identityRotation,
  rotationProblem,
  siteEntropies,
} from "../src/index.js";
import { rotateSites } from "../src/rotate-sites.js";
import { importanceOf } from "./importances.js";

interface Golden {
  shape: number[];
  data: number[];
}
interface Case {
  objective: "entropy" | "direct";
  importance: keyof typeof scales;
  pattern?: string;
  value: number;
  valueAtIdentity: number;
  terms: Record<string, number>;
  gradients: { r1: Golden; r2: Golden };
}
interface Run {
  steps: number;
  objectives: number[];
  r1: Golden;
}

const read = (file: string) =>
  JSON.parse(readFileSync(new URL(`../../../goldens/rotator/${file}.json`, import.meta.url), "utf8"));
const golden = read("block");
const cases: Case[] = read("objectives").cases;
const solvers: Record<string, Run> = read("solvers");

const scales = { magnitude: "one", wanda: "diagonal", sparsegpt: "inverseDiagonal" } as const;
const inputsOf = {
  q: "qkv",
  k: "qkv",
  v: "qkv",
  o: "o",
  gate: "gateUp",
  up: "gateUp",
  down: "down",
} as const;
type Short = keyof typeof inputsOf;
const shorts = Object.keys(inputsOf) as Short[];

const load = ({ shape, data }: Golden): Tensor => fromArray(data, shape, { dtype: "f64" });

/** The golden block: weights and statistics only, which is all that objectives read. */
function goldenBlock(): DecoderBlock {
  const grams = new Map(Object.entries<Golden>(golden.statistics).map(([name, H]) => [name, load(H)]));
  const sites = shorts.map((short) => {
    const site = new Site({
      name: short,
      role: `${short}Proj` as SiteRole,
      weight: load(golden.weights[short]),
    });
    site.setStatistics({ gram: grams.get(inputsOf[short])!, tokens: 100 });
    return site;
  });
  return {
    name: "golden",
    hiddenSize: golden.hidden,
    heads: { count: golden.heads, keyValueCount: golden.kvHeads, dim: golden.headDim },
    sites,
  } as unknown as DecoderBlock;
}

async function expectClose(actual: Tensor, expected: Golden, tolerance: number): Promise<void> {
  expect(actual.shape).toEqual(expected.shape);
  const values = Array.from(await toNumbers(actual));
  const worst = Math.max(...values.map((value, i) => Math.abs(value - expected.data[i]!)));
  expect(worst).toBeLessThan(tolerance);
}

async function objectiveOf({ objective, pattern, importance }: Omit<Case, "value">) {
  const problem = await rotationProblem(goldenBlock(), importanceOf(scales[importance] as ColumnScale));
  if (objective === "entropy") return entropyObjective(problem);
  return directObjective(problem, parsePattern(pattern === "50%" ? 0.5 : pattern!));
}

describe("goldens of PyTorch autograd", () => {
  it.each(cases)("should agree on $objective $pattern with $importance", async (expected) => {
    const objective = await objectiveOf(expected);
    const { value, gradients } = await objective.evaluate([load(golden.r1), load(golden.r2)]);
    expect(Math.abs(value / expected.value - 1)).toBeLessThan(1e-10);
    await expectClose(gradients[0]!, expected.gradients.r1, 1e-9);
    await expectClose(gradients[1]!, expected.gradients.r2, 1e-9);
    const { R1, R2 } = identityRotation(goldenBlock());
    const identity = await objective.evaluate([R1, R2]);
    expect(Math.abs(identity.value / expected.valueAtIdentity - 1)).toBeLessThan(1e-10);
  });

  it.each([
    ["qrAdam", "entropy", "wanda", qrAdam],
    ["muon.wanda", "direct", "wanda", () => muon({ newtonSchulzSteps: 6 })],
    ["muon.sparsegpt", "direct", "sparsegpt", () => muon({ newtonSchulzSteps: 6 })],
  ] as const)("should follow the solver run %s", async (name, objective, importance, solver) => {
    const run = solvers[name]!;
    const result = await denoise(goldenBlock(), {
      ...{ importance: importanceOf(scales[importance]), objective, solver: solver(), steps: run.steps },
      ...{ start: "identity", siteWeights: {}, ...(objective === "direct" ? { learningRate: 0.1 } : {}) },
    });
    result.objective.trace.forEach((value, step) => {
      expect(Math.abs(value / run.objectives[step]! - 1)).toBeLessThan(1e-8);
    });
    expect(result.objective.trace.length).toBeGreaterThanOrEqual(run.steps);
    expect(result.objective.unrotated).toBeCloseTo(run.objectives[0]!, 9);
  });

  it("should have every site's entropy once its rotation is absorbed", async () => {
    for (const { objective, importance, terms } of cases) {
      if (objective !== "entropy") continue;
      const block = goldenBlock();
      rotateSites(block, { R1: load(golden.r1), R2: load(golden.r2) });
      for (const { name, entropy } of await siteEntropies(block, importanceOf(scales[importance]))) {
        const expected = (terms[`${name}.rows`] ?? 0) + (terms[`${name}.columns`] ?? 0);
        expect(Math.abs(entropy / expected - 1)).toBeLessThan(1e-10);
      }
    }
  });
});
