import { createCpuBackend, NonFiniteError, OptionError } from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import { openModel, sampleWindows } from "../src/index.js";
import { type RandomCheckpoint, randomCheckpoint, randomWindows } from "./random-checkpoint.js";

const open = async (options: RandomCheckpoint, device = createCpuBackend()) =>
  openModel(await randomCheckpoint(options), { device });
const upProj = "model.layers.1.mlp.up_proj.weight";

describe("openModel", () => {
  it("should name a tensor that is missing", async () => {
    await expect(open({ without: upProj })).rejects.toMatchObject({
      code: "MISSING_TENSOR",
      message: expect.stringContaining(upProj),
    });
  });

  it("should name a tensor whose shape contradicts the configuration, and both shapes", async () => {
    await expect(open({ shapes: { [upProj]: [20, 13] } })).rejects.toMatchObject({
      code: "WRONG_SHAPE",
      message: expect.stringMatching(/up_proj.*\[20,13\].*\[20,12\]/),
    });
  });

  it("should name a weight that is not finite, and free what was loaded before it", async () => {
    const device = createCpuBackend();
    const edit = (name: string, values: Float32Array) => {
      if (name === upProj) values[3] = Number.NaN;
    };
    await using model = await open({ edit }, device);
    await expect(model.logits(randomWindows(1, 4))).rejects.toThrow(new RegExp(`${upProj}.*NaN`));
    expect(device.capabilities.allocatedBytes()).toBe(0);
  });

  it("should refuse windows that do not fit the model", async () => {
    await using model = await open({});
    const refused = async (windows: Int32Array[]) =>
      expect(model.logits(windows)).rejects.toThrow(OptionError);
    await refused([]);
    await refused([new Int32Array(33)]);
    await refused([new Int32Array(3), new Int32Array(4)]);
    await refused([Int32Array.of(1, 29)]);
  });
});

describe("logLikelihoods", () => {
  it("should not depend on how windows are batched, and report progress by blocks", async () => {
    const directory = await randomCheckpoint();
    const windows = randomWindows(5, 7);
    const results: Float32Array[][] = [];
    for (const activationBatch of [1, 3, 5]) {
      await using model = await openModel(directory, { device: createCpuBackend(), activationBatch });
      const progress: string[] = [];
      const found: Float32Array[] = [];
      const onProgress = (done: number, total: number) => progress.push(`${done}/${total}`);
      for await (const values of model.logLikelihoods(windows, { onProgress })) found.push(values);
      expect(progress).toEqual(["1/3", "2/3", "3/3"]);
      results.push(found);
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
    expect(results[0]!.map((values) => values.length)).toEqual([6, 6, 6, 6, 6]);
  });

  it("should name the window whose logits overflow", async () => {
    // Large enough that some logits exceed what f32 holds, for one token only.
    const edit = (name: string, values: Float32Array) => {
      if (name === "lm_head.weight") values.fill(3e38);
      if (name === "model.norm.weight") values.fill(100);
    };
    const device = createCpuBackend();
    await using model = await open({ edit, differs: { tie_word_embeddings: false } }, device);
    const run = async () => {
      for await (const _ of model.logLikelihoods(randomWindows(2, 5)));
    };
    await expect(run()).rejects.toThrow(NonFiniteError);
    await expect(run()).rejects.toThrow("window 0");
    expect(device.capabilities.allocatedBytes()).toBe(0);
  });

  it("should name block and window where hidden states overflow", async () => {
    const edit = (name: string, values: Float32Array) => {
      if (name === "model.layers.1.mlp.down_proj.weight") values.fill(3e38);
    };
    await using model = await open({ edit });
    await expect(model.logits(randomWindows(2, 5))).rejects.toThrow(/model\.layers\.1.*window 0/);
  });

  it("should stop at a signal", async () => {
    await using model = await open({});
    const run = async () => {
      const options = { signal: AbortSignal.abort(new Error("enough")) };
      for await (const _ of model.logLikelihoods(randomWindows(2, 5), options));
    };
    await expect(run()).rejects.toThrow("enough");
  });
});

describe("sampleWindows", () => {
  const stream = Int32Array.from({ length: 100 }, (_, i) => i);
  it("should space windows evenly from the first token to the last", () => {
    const starts = sampleWindows(stream, { count: 4, length: 9 }).map((window) => window[0]);
    expect(starts).toEqual([0, 30, 60, 91]);
    expect(sampleWindows(stream, { count: 1, length: 100 })).toEqual([stream]);
  });

  it("should draw the same windows for a seed", () => {
    const draw = (seed: number) => sampleWindows(stream, { count: 20, length: 10, seed });
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    for (const window of draw(3)) expect(window[9]! - window[0]!).toBe(9);
  });

  it("should refuse a text shorter than one window, and options out of range", () => {
    expect(() => sampleWindows(stream, { count: 1, length: 101 })).toThrow(
      "100 tokens, one window needs 101",
    );
    expect(() => sampleWindows(stream, { count: 0, length: 3 })).toThrow(OptionError);
  });
});
