import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CheckpointError, CheckpointWriter } from "@denoise-rotator/checkpoint";
import { createCpuBackend } from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import { calibrate, type DecoderFamily, families, llama, openModel, parseConfig } from "../src/index.js";
import { goldenDirectory, readGolden, relativeError } from "./goldens.js";
import { randomCheckpoint, randomOrthogonal, randomWindows, temporaryFolder } from "./random-checkpoint.js";
import { absorbR1 } from "./rotate.js";

const sizes = {
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 3,
  num_attention_heads: 32,
  vocab_size: 100,
};
const parse = (model_type: string, differs: Record<string, unknown> = {}) =>
  parseConfig({ ...sizes, model_type, ...differs });
const sliding = { use_sliding_window: true, sliding_window: 7 };

describe("parseConfig", () => {
  it.each<[string, Record<string, unknown>]>([
    ["llama", { keyValueHeadCount: 32, headDim: 2, maxPositionEmbeddings: 2048 }],
    ["qwen2", { keyValueHeadCount: 32, headDim: 2, maxPositionEmbeddings: 32768 }],
    ["qwen3", { keyValueHeadCount: 32, headDim: 128, maxPositionEmbeddings: 32768 }],
    ["mistral", { keyValueHeadCount: 8, headDim: 2, maxPositionEmbeddings: 131072 }],
  ])("should fill in what transformers takes for absent keys of %s", (modelType, expected) => {
    expect(parse(modelType)).toMatchObject({
      modelType,
      ropeTheta: 10000,
      tieWordEmbeddings: false,
      ...expected,
    });
  });

  it.each<[string, Record<string, unknown>, (number | undefined)[]]>([
    ["llama", { sliding_window: 7 }, [undefined, undefined, undefined]],
    ["mistral", {}, [4096, 4096, 4096]],
    ["mistral", { sliding_window: null }, [undefined, undefined, undefined]],
    ["mistral", { sliding_window: 7 }, [7, 7, 7]],
    [
      "qwen2",
      { ...sliding, use_sliding_window: false, max_window_layers: 0 },
      [undefined, undefined, undefined],
    ],
    ["qwen2", sliding, [undefined, undefined, undefined]],
    ["qwen2", { ...sliding, max_window_layers: 1 }, [undefined, 7, 7]],
    ["qwen2", { ...sliding, max_window_layers: 0, sliding_window: null }, [undefined, undefined, undefined]],
    [
      "qwen3",
      {
        ...sliding,
        max_window_layers: 0,
        layer_types: ["full_attention", "sliding_attention", "full_attention"],
      },
      [undefined, 7, undefined],
    ],
  ])("should find the attention windows of %s with %j", (modelType, differs, windows) => {
    expect(parse(modelType, differs).attentionWindows).toEqual(windows);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ["gemma2", {}, 'model_type "gemma2" is not supported; supported: llama, qwen2, qwen3, mistral and'],
    ["qwen", {}, '(did you mean "qwen2"?)'],
    ["denoise_rotator_gemma2", {}, 'model_type "denoise_rotator_gemma2" is not supported'],
    ["qwen3", { layer_types: ["chunked_attention"] }, "layer_types is"],
    ["qwen3", { layer_types: ["full_attention"] }, "layer_types has 1 entries for num_hidden_layers, 3"],
    ["mistral", { sliding_window: 0 }, "sliding_window is 0, it must be a positive integer"],
    ["qwen2", { max_window_layers: -1 }, "max_window_layers is -1"],
  ])("should refuse %s with %j", (modelType, differs, message) => {
    expect(() => parse(modelType, differs)).toThrow(CheckpointError);
    expect(() => parse(modelType, differs)).toThrow(message);
  });
});

describe("tied embeddings", () => {
  const windows = randomWindows(2, 6);
  const rotate = async (turned: number[], out: string) => {
    const device = createCpuBackend();
    await using model = await openModel(await randomCheckpoint(), { device });
    const rotated = (index: number) => turned.includes(index);
    for await (const block of calibrate(model, windows, { out, rotated })) {
      if (rotated(block.index))
        await absorbR1(block, randomOrthogonal(block.hiddenSize, block.index, device));
    }
    await using written = await openModel(out, { device });
    using before = await model.logits(windows);
    using after = await written.logits(windows);
    expect(relativeError(await after.read(), await before.read())).toBeLessThan(1e-5);
    return { config: written.config, names: written.checkpoint.names };
  };

  it.each([[[1], true] as const, [[0], false] as const, [[1, 2], false] as const])(
    "should stay tied unless an end turns: rotations of %j",
    async (turned, tied) => {
      const { config, names } = await rotate([...turned], join(await temporaryFolder(), "out"));
      expect(config).toMatchObject({ rotated: true, tieWordEmbeddings: tied });
      expect(names.includes("lm_head.weight")).toBe(!tied);
    },
  );

  it("should be an ordinary checkpoint where no block turns", async () => {
    const { config } = await rotate([], join(await temporaryFolder(), "out"));
    expect(config).toMatchObject({ rotated: false, tieWordEmbeddings: true });
  });

  it("should refuse a rotation of a block that was not announced", async () => {
    const device = createCpuBackend();
    const out = join(await temporaryFolder(), "out");
    await using model = await openModel(await randomCheckpoint(), { device });
    const run = async () => {
      for await (const block of calibrate(model, windows, { out, rotated: (index) => index > 0 })) {
        await absorbR1(block, randomOrthogonal(block.hiddenSize, 1, device));
      }
    };
    await expect(run()).rejects.toThrow("model.layers.0 has a residual basis");
  });
});

describe("one basis for all blocks", () => {
  const windows = randomWindows(2, 6);
  /** Turns block l by the random basis of seed `seeds[l]`, if any. */
  const rotate = async (source: string, seeds: (number | undefined)[], out: string) => {
    const device = createCpuBackend();
    await using model = await openModel(source, { device });
    for await (const block of calibrate(model, windows, { out, rotated: "shared" })) {
      const seed = seeds[block.index];
      if (seed !== undefined) await absorbR1(block, randomOrthogonal(block.hiddenSize, seed, device));
    }
    await using written = await openModel(out, { device });
    using before = await model.logits(windows);
    using after = await written.logits(windows);
    expect(relativeError(await after.read(), await before.read())).toBeLessThan(1e-5);
    return written;
  };

  it.each([true, false])("should leave an ordinary checkpoint; embeddings tied before: %s", async (tied) => {
    const source = await randomCheckpoint({ differs: { tie_word_embeddings: tied } });
    const out = join(await temporaryFolder(), "out");
    const { config, checkpoint } = await rotate(source, [5, 5, 5], out);
    expect(config).toMatchObject({ modelType: "llama", rotated: false, tieWordEmbeddings: false });
    expect(config.raw.architectures).toEqual(["LlamaForCausalLM"]);
    expect(checkpoint.names.filter((name) => name.includes("input_rotation"))).toEqual([]);
    expect(checkpoint.names).toContain("lm_head.weight");
  });

  it.each([[[5, 6, 5]], [[5, undefined, 5]], [[undefined, 5, 5]]])(
    "should refuse blocks that do not share it: %j",
    async (seeds) => {
      const out = join(await temporaryFolder(), "out");
      await expect(rotate(await randomCheckpoint(), seeds, out)).rejects.toThrow(
        "has another residual basis than the block before",
      );
    },
  );

  it("should refuse output maps, and models with bases between their blocks", async () => {
    const device = createCpuBackend();
    const folder = await temporaryFolder();
    await using model = await openModel(await randomCheckpoint(), { device });
    const map = async () => {
      for await (const block of calibrate(model, windows, { out: join(folder, "map"), rotated: "shared" })) {
        block.setOutputMap(randomOrthogonal(block.hiddenSize, 1, device));
      }
    };
    await expect(map()).rejects.toThrow("has an output map, which shared bases leave no place for");
    for await (const _ of calibrate(model, windows, { out: join(folder, "rotated"), rotated: true }));
    await using rotated = await openModel(join(folder, "rotated"), { device });
    const again = async () => {
      for await (const _ of calibrate(rotated, windows, { out: join(folder, "again"), rotated: "shared" }));
    };
    await expect(again()).rejects.toThrow("rotated block by block before");
    expect(device.capabilities.allocatedBytes()).toBe(0);
  });
});

describe("a family of one's own", () => {
  /** Qwen2's checkpoints under other names. */
  const renamed = (name: string) => name.replace("model.layers", "decoder.blocks").replace("q_proj", "query");
  const own: DecoderFamily = {
    ...families.find(({ modelType }) => modelType === "qwen2")!,
    modelType: "own",
    className: "Own",
    blockName: (index) => `decoder.blocks.${index}`,
    linears: {
      ...llama.linears,
      qProj: { name: "self_attn.query", hasBias: () => true },
      kProj: { ...llama.linears.kProj, hasBias: () => true },
      vProj: { ...llama.linears.vProj, hasBias: () => true },
      oProj: { ...llama.linears.oProj, hasBias: () => false },
    },
  };

  it("should be read, rotated and written by its description alone", async () => {
    const { directory, windows, values } = await readGolden("families/qwen2-default");
    const device = createCpuBackend();
    const folder = join(await temporaryFolder(), "own");
    await mkdir(folder);
    await using source = await openModel(directory, { device });
    const { checkpoint } = source;
    const entries = checkpoint.names.map((name) => ({
      name: renamed(name),
      shape: checkpoint.shape(name),
      dtype: "f32" as const,
    }));
    const writer = await CheckpointWriter.create(folder, entries);
    for (const name of checkpoint.names)
      await writer.write(renamed(name), await checkpoint.readFloat32(name));
    await writer.finish();
    await writeFile(join(folder, "config.json"), JSON.stringify({ ...source.config.raw, model_type: "own" }));

    await expect(openModel(folder, { device })).rejects.toThrow('model_type "own" is not supported');
    await using model = await openModel(folder, { device, families: [...families, own] });
    using logits = await model.logits(windows);
    expect(relativeError(await logits.read(), values.logits!)).toBeLessThan(1e-4);
    const out = join(folder, "rotated");
    for await (const block of calibrate(model, windows, { out, rotated: true })) {
      await absorbR1(block, randomOrthogonal(block.hiddenSize, block.index, device));
    }
    const { model_type, auto_map } = JSON.parse(await readFile(join(out, "config.json"), "utf8"));
    expect(model_type).toBe("denoise_rotator_own");
    expect(auto_map.AutoConfig).toBe("modeling_denoise_rotator.DenoiseRotatorOwnConfig");
    await using written = await openModel(out, { device, families: [own] });
    using turned = await written.logits(windows);
    expect(relativeError(await turned.read(), values.logits!)).toBeLessThan(1e-4);
  });
});

describe("what a rotated checkpoint carries", () => {
  it("should be the loader for transformers, and none without rotation", async () => {
    const device = createCpuBackend();
    const folder = await temporaryFolder();
    await using model = await openModel(goldenDirectory("families/qwen3-default"), { device });
    for (const rotated of [true, false]) {
      const out = join(folder, String(rotated));
      for await (const _ of calibrate(model, randomWindows(1, 4, 20), { out, rotated }));
      const config = JSON.parse(await readFile(join(out, "config.json"), "utf8"));
      const file = readFile(join(out, "modeling_denoise_rotator.py"), "utf8");
      if (!rotated) {
        await expect(file).rejects.toThrow("ENOENT");
        expect(config).not.toHaveProperty("auto_map");
        continue;
      }
      expect(await file).toContain("class RotatedForCausalLM");
      expect(config.auto_map).toEqual({
        AutoConfig: "modeling_denoise_rotator.DenoiseRotatorQwen3Config",
        AutoModelForCausalLM: "modeling_denoise_rotator.DenoiseRotatorQwen3ForCausalLM",
      });
    }
  });
});
