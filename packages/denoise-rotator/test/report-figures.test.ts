import { magnitude, sparsegpt } from "@denoise-rotator/pruners";
import type { ReportRecord } from "@denoise-rotator/report";
import fc from "fast-check";
import { describe, expect, expectTypeOf, it } from "vitest";
import { pruneCommand } from "../src/commands/prune-command.js";
import { isPictured } from "../src/pipeline/figures/importance-collector.js";
import { heldShares, ImportanceCurves, sortedShares } from "../src/pipeline/figures/importance-curves.js";
import { corner, levelMap, partMeans } from "../src/pipeline/figures/level-map.js";
import { type PruneOptions, resolveOptions } from "../src/pipeline/options.js";
import { isPlain } from "../src/pipeline/plain-baseline.js";
import { formatRecord } from "../src/pipeline/record-files.js";
import { repeatArguments } from "../src/pipeline/repeat-command.js";
import type { RunRecord } from "../src/pipeline/run-record.js";

/** Importances over many orders of magnitude, zeros among them. */
const importances = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.double({ min: -20, max: 10, noNaN: true }).map((log) => Math.fround(10 ** log)),
    },
    fc.constant(0),
  ),
  { minLength: 1, maxLength: 300 },
);

describe("curves of importances", () => {
  it("should be those of the sorted values, to within a bucket", () => {
    fc.assert(
      fc.property(importances, (values) => {
        const curves = new ImportanceCurves(Float32Array.from(values));
        const total = values.reduce((sum, value) => sum + value, 0);
        if (total === 0) return;
        const sorted = values.toSorted((a, b) => b - a);
        const held = curves.held(heldShares);
        for (const [i, share] of heldShares.entries()) {
          const count = share * values.length;
          const whole = Math.floor(count);
          const top = sorted.slice(0, whole).reduce((sum, value) => sum + value, 0);
          const exact = (top + (count - whole) * (sorted[whole] ?? 0)) / total;
          expect(Math.abs(held[i]! - exact)).toBeLessThan(0.04 * exact + 1e-3);
        }
        const mean = total / values.length;
        const [most] = curves.sorted(sortedShares, mean);
        expect(most! / (sorted[0]! / mean)).toBeCloseTo(1, 1);
      }),
    );
  });

  it("should rise and never pass 1", () => {
    fc.assert(
      fc.property(importances, (values) => {
        const held = new ImportanceCurves(values).held(heldShares);
        for (const [i, part] of held.entries()) {
          expect(part).toBeLessThanOrEqual(1.0001);
          expect(part).toBeGreaterThanOrEqual((held[i - 1] ?? 0) * 0.999);
        }
      }),
    );
  });

  it("should be flat where all weights matter alike", () => {
    const even = new ImportanceCurves(new Float32Array(1000).fill(0.3));
    expect(even.held(heldShares)).toEqual([...heldShares]);
    expect(new Set(even.sorted(sortedShares, even.mean))).toEqual(new Set([1]));
  });
});

describe("maps of levels", () => {
  it("should average parts of a matrix that sizes do not divide", () => {
    const values = Float32Array.from({ length: 5 * 7 }, (_, i) => i);
    const { rows, columns, values: means } = partMeans(values, [5, 7], 3);
    expect([rows, columns]).toEqual([3, 3]);
    expect(means[0]).toBe((0 + 1 + 2 + 7 + 8 + 9) / 6);
    expect(means[8]).toBe((33 + 34) / 2);
    expect(partMeans(values, [5, 7], 64).values).toEqual(Float64Array.from(values));
  });

  it("should take the corner of a matrix", () => {
    const values = Float32Array.from({ length: 20 }, (_, i) => i);
    expect([...corner(values, [4, 5], [2, 3]).values]).toEqual([0, 1, 2, 5, 6, 7]);
  });

  it("should put both moments on one scale, zeros lowest", () => {
    const grid = (values: number[]) => ({ rows: 2, columns: 2, values: Float64Array.from(values) });
    const map = levelMap(grid([1, 10, 100, 0]), grid([1, 1000, 1, 1]), 1);
    expect(map).toEqual({ before: ["05", "a0"], after: ["0f", "00"], low: 0, high: 3 });
  });

  it("should picture the first, the middle and the last block", () => {
    const pictured = (blocks: number) =>
      Array.from({ length: blocks }, (_, i) => i).filter((i) => isPictured(i, blocks));
    expect([1, 2, 3, 32].map(pictured)).toEqual([[0], [0, 1], [0, 1, 2], [0, 15, 31]]);
  });
});

describe("the command that repeats a run", () => {
  /** What the command line makes of arguments, without running anything. */
  const flagsOf = (args: readonly string[]) => {
    const command = pruneCommand().exitOverride();
    command.parseOptions([...args]);
    return command.opts();
  };
  const requests: PruneOptions[] = [
    { model: "tiny" },
    { model: "./my model", pruner: magnitude(), sparsity: 0.5, rotate: "none", skip: ["1", "downProj"] },
    { model: "tiny", quality: "best", match: false, transport: false, reconstruct: 7, seed: 3, threads: 2 },
    {
      model: "tiny",
      evaluate: true,
      evaluatePlain: true,
      sequenceLength: 64,
      evaluationWindows: 9,
      out: "a b",
    },
    {
      model: "tiny",
      rotationPreset: "fast",
      newtonSchulzSteps: 2,
      r1Blocks: 2,
      rowSample: 0.5,
      siteWeights: "equal",
    },
  ];

  it.each(requests)("should ask for the same: %j", (request) => {
    const [command, model, ...flags] = repeatArguments({ onProgress: () => {}, resume: true, ...request });
    expect([command, model]).toEqual(["prune", request.model]);
    const { seqlen, evalWindows, evalText, eval: evaluate, evalPlain, pruner, ...rest } = flagsOf(flags);
    const asked = {
      ...{ ...rest, model: request.model, evaluationWindows: evalWindows },
      ...(seqlen === undefined ? {} : { sequenceLength: seqlen }),
    } as PruneOptions;
    const chosen = pruner === "magnitude" ? magnitude() : sparsegpt();
    expect(resolveOptions(asked, chosen, 256)).toEqual(resolveOptions(request, chosen, 256));
    expect([evaluate ?? false, evalPlain ?? false]).toEqual([
      request.evaluate ?? false,
      request.evaluatePlain ?? false,
    ]);
    expect(rest.threads).toBe(request.threads);
  });
});

describe("run records", () => {
  it("should be what reports are made of", () => {
    expectTypeOf((record: RunRecord): ReportRecord => record).toBeFunction();
  });

  it("should be the same values in lines that people can read", () => {
    const lists = {
      options: { skip: ["a", "b"] },
      blocks: [{ trace: [1, -2.5e-7, 3], texts: ['x "y"', "["] }],
      none: [],
    };
    const record = { schemaVersion: 2, ...lists, pairs: [[1, 2], [3]] } as unknown as RunRecord;
    const text = formatRecord(record);
    expect(JSON.parse(text)).toEqual(record);
    expect(text).toContain('"trace": [1, -2.5e-7, 3]');
    expect(text).toContain('"skip": ["a", "b"]');
  });

  it("should know a run that is the pruner as published", () => {
    const options = (more: Partial<PruneOptions>) =>
      resolveOptions({ model: "tiny", ...more }, sparsegpt(), 256);
    expect(isPlain(options({ rotate: "none", quality: "fast" }))).toBe(true);
    expect(isPlain(options({ rotate: "none" }))).toBe(false);
    expect(isPlain(options({ quality: "fast" }))).toBe(false);
  });
});
