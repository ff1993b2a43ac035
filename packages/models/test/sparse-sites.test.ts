import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Backend, createCpuBackend, Sparse24Weight } from "@denoise-rotator/core";
import { describe, expect, it, vi } from "vitest";
import {
  calibrate,
  type Model,
  openModel,
  packModel,
  type SitePacking,
  TextGenerator,
} from "../src/index.js";
import { relativeError } from "./goldens.js";
import { pruneTwoOfFour } from "./prune-two-of-four.js";
import {
  randomCheckpoint,
  randomOrthogonal,
  randomWindows,
  smallConfig,
  temporaryFolder,
} from "./random-checkpoint.js";
import { absorbR1 } from "./rotate.js";

const windows = randomWindows(3, 8);
const sizes = { hidden_size: 16, intermediate_size: 24 };
const all: SitePacking = () => ({ keep: 2, of: 4 });

/** Writes a checkpoint, rotated, with every site in 2:4. */
async function write(source: string, out: string, options: { packed?: SitePacking; sparse?: boolean } = {}) {
  const { packed, sparse = false } = options;
  await using model = await openModel(source, { device: createCpuBackend(), sparse });
  const form = packed ? { packed } : {};
  for await (const block of calibrate(model, windows, { out, rotated: true, ...form })) {
    await absorbR1(block, randomOrthogonal(block.hiddenSize, 100 + block.index, block.device));
    await pruneTwoOfFour(block);
  }
}

const siteNames = (model: Model) => model.checkpoint.names.filter((name) => /_proj\.weight$/.test(name));

/** Bytes of the sites' weights of all blocks. */
async function weightBytes(model: Model): Promise<number> {
  let bytes = 0;
  for (let index = 0; index < model.config.layerCount; index++) {
    using block = await model.loadForward(index);
    bytes += block.weightBytes;
  }
  return bytes;
}

describe.each([
  ["llama, biases", { model_type: "llama" }, "bf16"],
  ["llama, f32", { model_type: "llama", mlp_bias: false }, "f32"],
  ["llama, f16", { model_type: "llama", tie_word_embeddings: false }, "f16"],
  ["qwen2", { model_type: "qwen2", use_sliding_window: true, sliding_window: 5 }, "bf16"],
  ["qwen3", { model_type: "qwen3" }, "bf16"],
  ["mistral", { model_type: "mistral", sliding_window: 5 }, "bf16"],
] as const)("2:4 sites of %s", (_, differs, dtype) => {
  it("should compute as dense ones do, from packed and from plain files, without a dense copy", async () => {
    const folder = await temporaryFolder();
    const source = await randomCheckpoint({ differs: { ...sizes, ...differs }, dtype });
    await write(source, join(folder, "plain"));
    await write(source, join(folder, "packed"), { packed: all });
    const device = createCpuBackend();
    await compare(folder, device, dtype);
    expect(device.capabilities.allocatedBytes()).toBe(0);
  });

  async function compare(folder: string, device: Backend, dtype: string) {
    await using dense = await openModel(join(folder, "plain"), { device });
    using expected = await dense.logits(windows);
    const weights = siteNames(dense);
    const elements = weights
      .map((name) => dense.checkpoint.shape(name).reduce((product, size) => product * size, 1))
      .reduce((sum, size) => sum + size, 0);
    expect(await weightBytes(dense)).toBe(4 * elements);
    for (const form of ["plain", "packed"]) {
      await using sparse = await openModel(join(folder, form), { device, sparse: true });
      const whole = vi.spyOn(sparse.checkpoint, "readFloat32");
      using logits = await sparse.logits(windows);
      expect(relativeError(await logits.read(), await expected.read())).toBeLessThan(1e-5);
      const scores = [];
      for await (const values of sparse.logLikelihoods(windows)) scores.push(...values);
      const denseScores = [];
      for await (const values of dense.logLikelihoods(windows)) denseScores.push(...values);
      expect(relativeError(scores, denseScores)).toBeLessThan(1e-5);
      using generator = await TextGenerator.load(sparse);
      using denseGenerator = await TextGenerator.load(dense);
      using sequence = generator.start(16);
      using denseSequence = denseGenerator.start(16);
      for (const ids of [windows[0]!, Int32Array.of(3)]) {
        expect(relativeError(await sequence.append(ids), await denseSequence.append(ids))).toBeLessThan(1e-5);
      }
      const stored = dtype === "bf16" ? 2 : 4;
      expect(await weightBytes(sparse)).toBeLessThanOrEqual(0.6 * stored * elements);
      expect(whole.mock.calls.filter(([name]) => weights.includes(name))).toEqual([]);
    }
  }
});

describe("2:4 sites", () => {
  it("should stay dense where they are not 2:4, or their inputs no multiple of 8", async () => {
    const device = createCpuBackend();
    const folder = await temporaryFolder();
    await write(await randomCheckpoint(), join(folder, "pruned"));
    for (const directory of [join(folder, "pruned"), await randomCheckpoint({ differs: sizes })]) {
      await using dense = await openModel(directory, { device, sparse: false });
      await using sparse = await openModel(directory, { device, sparse: true });
      using expected = await dense.logits(windows);
      using logits = await sparse.logits(windows);
      const mixed = directory.endsWith("pruned");
      // Of `pruned` only downProj and oProj have inputs in eights: [12, 20] and [12, 16].
      if (mixed) expect(relativeError(await logits.read(), await expected.read())).toBeLessThan(1e-5);
      else expect(await logits.read()).toEqual(await expected.read());
      expect(await weightBytes(sparse)).toBeLessThanOrEqual(await weightBytes(dense));
      expect((await weightBytes(sparse)) < (await weightBytes(dense))).toBe(mixed);
    }
    expect(smallConfig.hidden_size % 8).not.toBe(0);
  });

  it("should keep positions that rows share as they are stored", async () => {
    const device = createCpuBackend();
    const directory = await randomCheckpoint({
      differs: sizes,
      edit: (name, values) => {
        // Positions 0 and 1 everywhere, or one of them.
        if (!name.endsWith("_proj.weight")) return;
        for (let i = 0; i < values.length; i++) if (i % 4 > 1 || i % 5 === 0) values[i] = 0;
      },
    });
    const packed = join(await temporaryFolder(), "packed");
    await using dense = await openModel(directory, { device });
    const pattern = { keep: 2, of: 4, rows: 4 };
    const elements = siteNames(dense).reduce((sum, name) => {
      const [out, inputs] = dense.checkpoint.shape(name);
      return sum + out! * inputs!;
    }, 0);
    expect(await packModel(dense, packed, { pattern })).toHaveLength(siteNames(dense).length);
    await using sparse = await openModel(packed, { device, sparse: true });
    using expected = await dense.logits(windows);
    using logits = await sparse.logits(windows);
    expect(relativeError(await logits.read(), await expected.read())).toBeLessThan(1e-5);
    expect(await weightBytes(sparse)).toBe((4 * elements) / 2 + elements / 8 / 4);
  });

  it("should be found among dense ones in a file that begins like 2:4", async () => {
    const device = createCpuBackend();
    const directory = await randomCheckpoint({
      differs: sizes,
      edit: (name, values) => {
        // All rows but the last are 2:4.
        const columns = name.includes("down_proj") ? 24 : 16;
        if (!name.endsWith("_proj.weight")) return;
        for (let i = 0; i < values.length - columns; i++) if (i % 4 > 1) values[i] = 0;
      },
    });
    await using dense = await openModel(directory, { device, sparse: false });
    await using sparse = await openModel(directory, { device, sparse: true });
    expect(await weightBytes(sparse)).toBe(await weightBytes(dense));
  });

  it("should run pruned blocks packed in calibration, to the same bytes every time", async () => {
    const folder = await temporaryFolder();
    const source = await randomCheckpoint({ differs: sizes });
    const at = (name: string) => join(folder, name);
    await write(source, at("dense"));
    await write(source, at("sparse"), { sparse: true });
    await write(source, at("again"), { sparse: true });
    const bytes = (name: string) => readFile(join(at(name), "model.safetensors"));
    expect(await bytes("again")).toEqual(await bytes("sparse"));

    await using dense = await openModel(source, { device: createCpuBackend() });
    await using sparse = await openModel(source, { device: createCpuBackend(), sparse: true });
    const after = async (model: Model) => {
      const values: number[] = [];
      for await (const block of calibrate(model, windows)) {
        values.push(...Array.from({ length: 3 }, (_, i) => [...block.inputs!.window(i)]).flat());
        await pruneTwoOfFour(block);
      }
      return values;
    };
    const packed = vi.spyOn(Sparse24Weight, "pack");
    const expected = await after(dense);
    expect(packed).not.toHaveBeenCalled();
    expect(relativeError(await after(sparse), expected)).toBeLessThan(1e-5);
    expect(packed).toHaveBeenCalledTimes(7 * 2); // after the last block nothing is run
    packed.mockRestore();
    expect(sparse.device.capabilities.allocatedBytes()).toBe(0);
  });
});
