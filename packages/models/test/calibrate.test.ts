import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Backend, createCpuBackend } from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import { type CalibrationState, calibrate, type Model, openModel } from "../src/index.js";
import { goldenDirectory, relativeError } from "./goldens.js";
import { randomCheckpoint, randomOrthogonal, randomWindows, temporaryFolder } from "./random-checkpoint.js";
import { absorbR1 } from "./rotate.js";

async function logitsOf(directory: string, windows: readonly Int32Array[], device: Backend) {
  await using model = await openModel(directory, { device });
  using logits = await model.logits(windows);
  return logits.read();
}

/** Rotates every block but those of `plain` by its own random R1. */
async function rotateAll(model: Model, windows: readonly Int32Array[], out: string, plain: number[] = []) {
  for await (const block of calibrate(model, windows, { out, rotated: true })) {
    if (plain.includes(block.index)) continue;
    using before = await block.sampleOutputs();
    await absorbR1(block, randomOrthogonal(block.hiddenSize, 100 + block.index, block.device));
    using after = await block.sampleOutputs();
    expect(relativeError(await after.read(), await before.read())).toBeLessThan(1e-5);
  }
}
const sources = {
  "tied, biases, GQA": () => randomCheckpoint(),
  "untied, no biases": () =>
    randomCheckpoint({
      differs: { tie_word_embeddings: false, attention_bias: false, mlp_bias: false, num_key_value_heads: 4 },
    }),
  "rope scaling in the newer dialect": async () => goldenDirectory("llama/transformers5-config"),
  sharded: async () => goldenDirectory("llama/sharded"),
};

describe.each(Object.entries(sources))("save and load: %s", (_, source) => {
  const windows = randomWindows(3, 8);

  it("should keep the logits bit by bit where nothing was changed", async () => {
    const device = createCpuBackend();
    const directory = await source();
    const out = join(await temporaryFolder(), "deep", "out");
    await using model = await openModel(directory, { device });
    for await (const block of calibrate(model, windows, { out, maxShardBytes: 8000 }))
      expect(block.inputs).toBeDefined();
    expect(await logitsOf(out, windows, device)).toEqual(await logitsOf(directory, windows, device));
    const config = JSON.parse(await readFile(join(out, "config.json"), "utf8"));
    expect(config).toMatchObject({ model_type: "llama", architectures: ["LlamaForCausalLM"] });
    expect(config).not.toHaveProperty("rope_parameters");
    expect(device.capabilities.allocatedBytes()).toBe(0);
  });

  it("should keep the logits with every block rotated by its own R1, in a form stock loaders refuse", async () => {
    const device = createCpuBackend();
    const directory = await source();
    const out = join(await temporaryFolder(), "out");
    await using model = await openModel(directory, { device, activationBatch: 2 });
    await rotateAll(model, windows, out);
    expect(
      relativeError(await logitsOf(out, windows, device), await logitsOf(directory, windows, device)),
    ).toBeLessThan(1e-5);
    expect(JSON.parse(await readFile(join(out, "config.json"), "utf8"))).toMatchObject({
      model_type: "denoise_rotator_llama",
      architectures: ["DenoiseRotatorLlamaForCausalLM"],
      denoise_rotator: { version: 1, base_model_type: "llama" },
      tie_word_embeddings: false,
    });
    expect(device.capabilities.allocatedBytes()).toBe(0);
  });

  it("should take blocks without rotation, and rotate a rotated checkpoint again", async () => {
    const device = createCpuBackend();
    const directory = await source();
    const folder = await temporaryFolder();
    const [once, twice, copy] = [join(folder, "once"), join(folder, "twice"), join(folder, "copy")];
    await using model = await openModel(directory, { device });
    await rotateAll(model, windows, once, [0]);
    await using rotated = await openModel(once, { device });
    await rotateAll(rotated, windows, twice, [1]);
    for await (const _ of calibrate(rotated, windows, { out: copy }));
    const expected = await logitsOf(directory, windows, device);
    expect(relativeError(await logitsOf(once, windows, device), expected)).toBeLessThan(1e-5);
    expect(relativeError(await logitsOf(twice, windows, device), expected)).toBeLessThan(1e-5);
    expect(await logitsOf(copy, windows, device)).toEqual(await logitsOf(once, windows, device));
  });
});

describe("calibrate", () => {
  const windows = randomWindows(5, 8);

  it("should feed every block what the changed blocks before it produce", async () => {
    const device = createCpuBackend();
    const out = join(await temporaryFolder(), "out");
    await using model = await openModel(await randomCheckpoint(), { device, activationBatch: 2 });
    const inputs: Float32Array[] = [];
    for await (const block of calibrate(model, windows, { out })) {
      inputs.push(block.inputs!.window(4).slice());
      const down = block.sites.at(-1)!;
      down.setWeight(down.weight.mul(0.5));
    }
    await using changed = await openModel(out, { device });
    const states = [(await changed.embedWindows(windows)).window(4).slice()];
    for await (const each of changed.hiddenStates(windows)) states.push(each.window(4).slice());
    expect(inputs).toEqual(states.slice(0, 3));
  });

  it("should convert to another dtype and say so, and copy the tokenizer's files", async () => {
    const device = createCpuBackend();
    const out = join(await temporaryFolder(), "out");
    const directory = await randomCheckpoint();
    await writeFile(join(directory, "tokenizer.json"), "{}");
    await using model = await openModel(directory, { device });
    for await (const _ of calibrate(model, windows, { out, dtype: "bf16" }));
    await using written = await openModel(out, { device });
    expect(new Set(written.checkpoint.names.map((name) => written.checkpoint.dtype(name)))).toEqual(
      new Set(["bf16"]),
    );
    expect(written.config.dtype).toBe("bfloat16");
    expect(await readFile(join(out, "tokenizer.json"), "utf8")).toBe("{}");
  });

  const endings: Record<string, (model: Model, out: string) => Promise<void>> = {
    break: async (model, out) => {
      for await (const block of calibrate(model, windows, { out })) if (block.index === 1) break;
    },
    exception: async (model, out) => {
      const run = async () => {
        for await (const block of calibrate(model, windows, { out })) {
          if (block.index === 1) throw new Error("consumer");
        }
      };
      await expect(run()).rejects.toThrow("consumer");
    },
    signal: async (model, out) => {
      const controller = new AbortController();
      const run = async () => {
        for await (const _ of calibrate(model, windows, { out, signal: controller.signal })) {
          controller.abort(new Error("stopped"));
        }
      };
      await expect(run()).rejects.toThrow("stopped");
    },
    "rotation that was not announced": async (model, out) => {
      const run = async () => {
        for await (const block of calibrate(model, windows, { out })) {
          await absorbR1(block, randomOrthogonal(block.hiddenSize, 1, block.device));
        }
      };
      await expect(run()).rejects.toThrow("rotated: true");
    },
  };
  it.each(Object.entries(endings))("should leave nothing behind after: %s", async (_, end) => {
    const device = createCpuBackend();
    const out = join(await temporaryFolder(), "parent", "out");
    await using model = await openModel(await randomCheckpoint(), { device });
    await end(model, out);
    expect(await readdir(dirname(dirname(out)))).toEqual([]);
    expect(device.capabilities.allocatedBytes()).toBe(0);
  });

  it("should keep what is at the output, unless forced", async () => {
    const out = await temporaryFolder();
    await writeFile(join(out, "mine.txt"), "mine");
    await using model = await openModel(await randomCheckpoint(), { device: createCpuBackend() });
    const run = async (force: boolean) => {
      for await (const _ of calibrate(model, windows, { out, force }));
    };
    await expect(run(false)).rejects.toThrow(/exist|force/i);
    expect(await readdir(out)).toEqual(["mine.txt"]);
    await run(true);
    expect((await readdir(out)).sort()).toEqual(["config.json", "model.safetensors"]);
  });

  it("should run and write skipped blocks without yielding them", async () => {
    const out = join(await temporaryFolder(), "out");
    const device = createCpuBackend();
    const directory = await randomCheckpoint();
    await using model = await openModel(directory, { device });
    const seen: number[] = [];
    for await (const block of calibrate(model, windows, { out, rotated: true, skip: (i) => i === 1 })) {
      seen.push(block.index);
      await absorbR1(block, randomOrthogonal(block.hiddenSize, block.index, device));
    }
    expect(seen).toEqual([0, 2]);
    expect(
      relativeError(await logitsOf(out, windows, device), await logitsOf(directory, windows, device)),
    ).toBeLessThan(1e-5);
  });

  it("should need no more device memory for more blocks", async () => {
    const peaks: number[] = [];
    for (const layers of [2, 7]) {
      const device = createCpuBackend();
      let peak = 0;
      const allocate = device.allocate.bind(device);
      const watched = {
        ...device,
        allocate(byteLength: number) {
          const buffer = allocate(byteLength);
          peak = Math.max(peak, device.capabilities.allocatedBytes());
          return buffer;
        },
      };
      const directory = await randomCheckpoint({ differs: { num_hidden_layers: layers } });
      await using model = await openModel(directory, { device: watched });
      const out = join(await temporaryFolder(), "out");
      for await (const block of calibrate(model, windows, { out, rotated: true })) {
        await absorbR1(block, randomOrthogonal(block.hiddenSize, block.index, watched));
        await block.capture();
      }
      peaks.push(peak);
    }
    expect(peaks[1]).toBe(peaks[0]);
  });

  it.each([0, 1, 2])("should go on after block %i to the same bytes, in shards too", async (last) => {
    const device = createCpuBackend();
    const folder = await temporaryFolder();
    await using model = await openModel(await randomCheckpoint(), { device, activationBatch: 2 });
    const pass = async (out: string, state?: CalibrationState, until = 9) => {
      const options = { out, rotated: true, dense: true, maxShardBytes: 4000, ...(state ? { state } : {}) };
      for await (const block of calibrate(model, windows, options)) {
        if (block.index > until) throw new Error("stop");
        await absorbR1(block, randomOrthogonal(block.hiddenSize, 100 + block.index, block.device));
        block.trackDense();
        const down = block.sites.at(-1)!;
        down.setWeight(down.weight.mul(0.5));
        block.setOutputMap(randomOrthogonal(block.hiddenSize, 7, block.device));
      }
    };
    const [whole, out, streams] = ["whole", "out", "streams"].map((name) => join(folder, name));
    await pass(whole!);
    await mkdir(out!);
    await mkdir(streams!);
    const finished: number[] = [];
    let written: readonly string[] = [];
    const state = (next: number): CalibrationState => ({
      ...{ folder: streams!, next, written },
      finished: async (index, names) => {
        finished.push(index);
        written = names;
      },
    });
    // The last block ends the pass, so that a stop after it comes while the rest of the model is written.
    const first = last === 2 ? pass(out!, state(0)) : pass(out!, state(0), last);
    if (last === 2) await first;
    else await expect(first).rejects.toThrow("stop");
    expect(finished.at(-1)).toBe(last);
    await pass(out!, state(last + 1));
    expect(finished).toEqual([0, 1, 2]);
    const files = async (path: string) =>
      Promise.all((await readdir(path)).sort().map(async (name) => [name, await readFile(join(path, name))]));
    expect(await files(out!)).toEqual(await files(whole!));
    expect((await files(out!)).length).toBeGreaterThan(5);
    expect(await readdir(streams!)).toEqual(["3.exit.safetensors"]);
    expect(device.capabilities.allocatedBytes()).toBe(0);
  });
});
