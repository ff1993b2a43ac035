import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expandGrid, parseSweep, type SweepOptions, sweepJob } from "../src/index.js";

const among = (...values: string[]) => ({
  check: (value: unknown) =>
    values.includes(String(value)) ? undefined : `choose one of ${values.join(", ")}`,
});
const anything = { check: () => undefined };
const options: SweepOptions = new Map([
  ["pruner", among("wanda", "magnitude", "sparsegpt")],
  ["sparsity", anything],
  ["rotate", among("none", "per-block", "shared")],
  ["seed", anything],
  ["steps", anything],
]);
const parse = (text: string) => parseSweep(text, { file: "sweep.yaml", options, version: "1" });

describe("parseSweep", () => {
  it("should combine, leave out, add, and count the same run once", async () => {
    const { jobs, varied } = await parse(`
model: tiny
options: { steps: 3 }
grid:
  pruner: [wanda, magnitude]
  rotate: [none, per-block]
  sparsity: 2:4
exclude:
  - { pruner: magnitude, rotate: [per-block, shared] }
include:
  - { pruner: wanda, rotate: none, sparsity: "2:4" }
  - { pruner: sparsegpt, steps: ~ }
`);
    const common = { model: "tiny", sparsity: "2:4", steps: 3 };
    expect(jobs.map(({ settings }) => settings)).toEqual([
      { ...common, pruner: "wanda", rotate: "none" },
      { ...common, pruner: "wanda", rotate: "per-block" },
      { ...common, pruner: "magnitude", rotate: "none" },
      { model: "tiny", pruner: "sparsegpt" },
    ]);
    expect(varied.toSorted()).toEqual(["pruner", "rotate", "sparsity", "steps"]);
    expect(new Set(jobs.map(({ key }) => key)).size).toBe(4);
  });

  it.each([
    [
      "modell: tiny",
      "sweep.yaml:1: modell: a sweep has model, options, grid, include, exclude. Did you mean model?",
    ],
    ["grid: { seed: [1] }", "sweep.yaml:1: model: is missing: the name of a model, or a list of them"],
    ["model: 3", "sweep.yaml:1: model: the name of a model, or a list of them"],
    [
      "model: tiny\ngrid:\n  seed: [0]\n  prunner: [wanda]",
      "sweep.yaml:4: grid.prunner: there is no such option. Did you mean pruner?",
    ],
    [
      "model: tiny\ngrid:\n  pruner:\n    - wanda\n    - wandaa",
      "sweep.yaml:5: grid.pruner[2]: choose one of wanda, magnitude, sparsegpt",
    ],
    [
      "model: tiny\noptions:\n  rotate: never",
      "sweep.yaml:3: options.rotate: choose one of none, per-block, shared",
    ],
    ["model: tiny\ngrid:\n  seed: []", "sweep.yaml:3: grid.seed: an empty list leaves no run"],
    [
      "model: tiny\ngrid:\n  seed: { a: 1 }",
      "sweep.yaml:3: grid.seed: a value or a list of values is needed",
    ],
    [
      "model: tiny\ninclude:\n  - seed: 1\n  - sed: 1",
      "sweep.yaml:4: include[2].sed: there is no such option. Did you mean seed?",
    ],
    ["model: tiny\noptions:\n  seed: 1\n  seed: 2", "sweep.yaml:4: Map keys must be unique"],
    [
      "model: [tiny",
      "sweep.yaml:1: Flow sequence in block collection must be sufficiently indented and end with a ]",
    ],
    [
      "model: tiny\ngrid: { seed: 1 }\nexclude:\n  - { seed: 1 }",
      "sweep.yaml:3: exclude: nothing is left to run",
    ],
  ])("should name file, line and key: %j", async (text, message) => {
    await expect(parse(text)).rejects.toMatchObject({ code: "SWEEP", message });
  });
});

describe("expandGrid", () => {
  it("should give every combination once", () => {
    const axis = fc.uniqueArray(fc.integer(), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(axis, { maxLength: 4 }), (lists) => {
        const axes = lists.map((values, i) => [`axis${i}`, values] as const);
        const all = expandGrid({ fixed: {}, axes, include: [], exclude: [] });
        expect(all).toHaveLength(lists.reduce((product, values) => product * values.length, 1));
        expect(new Set(all.map((each) => JSON.stringify(each))).size).toBe(all.length);
      }),
    );
  });
});

describe("sweepJob", () => {
  it("should have one key for the same settings in any order, another for others and other versions", async () => {
    const a = await sweepJob({ seed: 1, pruner: "wanda" }, "1");
    expect(a.key).toMatch(/^[0-9a-f]{20}$/);
    expect((await sweepJob({ pruner: "wanda", seed: 1 }, "1")).key).toBe(a.key);
    expect((await sweepJob({ pruner: "wanda", seed: 2 }, "1")).key).not.toBe(a.key);
    expect((await sweepJob({ pruner: "wanda", seed: "1" }, "1")).key).not.toBe(a.key);
    expect((await sweepJob({ pruner: "wanda", seed: 1 }, "2")).key).not.toBe(a.key);
  });
});
