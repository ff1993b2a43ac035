import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { wasm } from "@denoise-rotator/backend-wasm";
import { calibrate, openModel } from "@denoise-rotator/models";
import { createPruner, pruneBlock } from "@denoise-rotator/pruners";
import { absorb, denoise } from "@denoise-rotator/rotator";
import { modelDirectory } from "@denoise-rotator/tiny-llama";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { MemoryBudgetError, type PruneOptions, planPrune, pruneModel } from "../src/index.js";
import { blockSizes } from "../src/pipeline/memory/block-sizes.js";
import { formatBytes, parseBytes } from "../src/pipeline/memory/format-bytes.js";
import { shortage } from "../src/pipeline/memory/memory-plan.js";
import { stageBudgets, totalOf } from "../src/pipeline/memory/stage-budget.js";

const folder = mkdtempSync(join(tmpdir(), "denoise-rotator-plan-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("sizes", () => {
  it("should be read with and without units", () => {
    expect(["4GiB", "1.5 MiB", "500MB", "12", "7b"].map(parseBytes)).toEqual([
      2 ** 32,
      1.5 * 2 ** 20,
      5e8,
      12,
      7,
    ]);
    for (const text of ["", "GiB", "4 parsecs", "-1GiB", "1e9"])
      expect(() => parseBytes(text)).toThrow(/4GiB/);
  });

  it("should be written so that they read as nearly the same", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2 ** 20, max: 2 ** 45 }), (bytes) => {
        expect(Math.abs(parseBytes(formatBytes(bytes)) / bytes - 1)).toBeLessThan(1);
        expect(parseBytes(formatBytes(bytes)) / bytes).toBeGreaterThan(0.99);
      }),
    );
  });
});

describe("the budget of a run", () => {
  it("should be what the stages hold, a little more", { timeout: 120_000 }, async () => {
    await using device = await wasm({ threads: 1 });
    await using model = await openModel(modelDirectory, { device });
    const [windowLength, count] = [128, 48];
    const windows = Array.from({ length: count }, (_, w) =>
      Int32Array.from({ length: windowLength }, (_, i) => (w * 977 + i * 31) % model.vocabularySize),
    );
    const pruner = createPruner("sparsegpt", {});
    const budgets = stageBudgets(blockSizes(model.config), {
      ...{ batchWindows: model.batchWindows(windowLength), windowLength, windows: count },
      ...{ rotate: "per-block", columnScale: "inverseDiagonal", prunes: true, factors: true },
      ...{ match: true, refine: true, transport: false, reconstruct: false, vocabulary: 0 },
      ...{ packs: true, keepsStatistics: false },
    });
    const { capabilities } = device;
    const held = new Map<string, number>();
    const measure = async <T>(stage: string, body: () => Promise<T>): Promise<T> => {
      capabilities.resetPeakBytes!();
      const result = await body();
      held.set(stage, capabilities.peakBytes!());
      return result;
    };
    const blocks = calibrate(model, windows, { dense: true, rotated: true });
    const { value: block } = await blocks.next();
    await block!.foldNorms();
    await measure("capture", () => block!.capture());
    using rotation = await measure("rotate: metrics", () =>
      denoise(block!, { importance: pruner.importance, steps: 1, releaseStatistics: true }),
    );
    await measure("rotate: absorb", () => absorb(block!, rotation));
    const groups = ["q, k, v", "o", "gate, up", "down"];
    let group = -1;
    await pruneBlock(block!, pruner, {
      match: true,
      refine: "pcg",
      releaseStatistics: true,
      measure: (step, body) => {
        if (step === "capture") group++;
        return measure(`prune: ${step === "capture" ? "capture for " : ""}${groups[group]}`, body);
      },
    });
    await measure("forward", () => blocks.next());
    await blocks.return();

    const planned = new Map(budgets.map((budget) => [budget.stage, totalOf(budget)]));
    const mebibyte = 2 ** 20;
    for (const [stage, bytes] of held) {
      // Tables of angles, gains and the like are not counted.
      expect(planned.get(stage)! + mebibyte, stage).toBeGreaterThan(bytes);
    }
    const [mostHeld, mostPlanned] = [held, planned].map((each) => Math.max(...each.values()));
    expect(mostPlanned! / mostHeld!).toBeLessThan(1.35);
  });

  it("should stop a run that cannot fit before anything is written, and say what would hold less", async () => {
    const out = join(folder, "refused");
    const run = pruneModel({ model: "tiny", out, memory: 2 ** 27 });
    await expect(run).rejects.toThrow(MemoryBudgetError);
    await expect(run).rejects.toThrow(
      /the run needs \d+ MiB with all activations on disk, --memory allows 128 MiB/,
    );
    expect(existsSync(out)).toBe(false);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("should leave no trace in the results: activations on disk give the same bytes", {
    timeout: 60_000,
  }, async () => {
    const request: PruneOptions = {
      ...{ model: "tiny", samples: 6, sequenceLength: 64, pruner: "sparsegpt", skip: ["2", "3"] },
      rotate: "none",
    };
    const { least, activations } = await planPrune(request);
    expect(activations.total).toBe(2 * 6 * 64 * 256 * 4);
    const bytes = [];
    for (const memory of [Math.ceil(least), undefined]) {
      const out = join(folder, `memory-${memory}`);
      const plan = await planPrune({ ...request, ...(memory === undefined ? {} : { memory }) });
      expect(plan.activations.inMemory < 2).toBe(memory !== undefined);
      expect(shortage(plan)).toBeUndefined();
      await pruneModel({ ...request, out, ...(memory === undefined ? {} : { memory }) });
      bytes.push(readFileSync(join(out, "model.safetensors")));
    }
    expect(bytes[0]!.equals(bytes[1]!)).toBe(true);
  });
});
