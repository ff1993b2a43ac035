import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  createCpuBackend,
  NonFiniteError,
  OptionError,
  OutOfMemoryError,
  Random,
} from "@denoise-rotator/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { calibrate, checkMemory, type Model, memoryNeed, openModel, TextGenerator } from "../src/index.js";
import { goldenDirectory, relativeError } from "./goldens.js";
import {
  randomCheckpoint,
  randomOrthogonal,
  randomWindows,
  smallConfig,
  temporaryFolder,
} from "./random-checkpoint.js";
import { absorbR1 } from "./rotate.js";

interface Greedy {
  readonly name: string;
  readonly continuations: readonly { readonly prompt: number[]; readonly tokens: number[] }[];
}
const { cases } = JSON.parse(await readFile(join(goldenDirectory("generation"), "greedy.json"), "utf8")) as {
  cases: Greedy[];
};

async function written(generator: TextGenerator, prompt: number[], maxTokens = 1000) {
  const ids: number[] = [];
  let finish: string | undefined;
  for await (const token of generator.tokens(Int32Array.from(prompt), { maxTokens })) {
    ids.push(token.id);
    finish = token.finish;
  }
  return { ids, finish };
}

describe.each(cases)("greedy continuations by $name", ({ name, continuations }) => {
  it("should be those of transformers, to the model's end or the end of its context", async () => {
    const device = createCpuBackend();
    await using model = await openModel(goldenDirectory(name), { device });
    {
      using generator = await TextGenerator.load(model);
      for (const { prompt, tokens } of continuations) {
        const ended = model.config.eosTokenIds.includes(tokens.at(-1)!);
        const found = await written(generator, prompt);
        expect(found).toEqual({ ids: tokens, finish: ended ? "end" : "context" });
        if (!ended) expect(prompt.length + tokens.length).toBe(model.contextLength);
      }
    }
    expect(device.capabilities.allocatedBytes()).toBe(0);
  });
});

/** Largest relative difference between logits by the cache, in parts of random sizes, and those of the whole window. */
async function differenceFromWhole(model: Model, window: Int32Array, random: Random): Promise<number> {
  using whole = await model.logits([window]);
  const expected = (await whole.read()) as Float32Array;
  using generator = await TextGenerator.load(model);
  using sequence = generator.start(window.length);
  let worst = 0;
  while (sequence.length < window.length) {
    const count = 1 + random.integer(Math.min(5, window.length - sequence.length));
    const part = window.subarray(sequence.length, sequence.length + count);
    const logits = await sequence.append(part, { chunk: 1 + random.integer(3) });
    const row = expected.subarray((sequence.length - 1) * logits.length, sequence.length * logits.length);
    worst = Math.max(worst, relativeError(logits, row));
  }
  return worst;
}

const pick = <T>(...values: T[]) => fc.constantFrom(...values);

describe("logits by the cache", () => {
  it("should equal those of the whole window at every step, whatever the family and the configuration", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          model_type: pick("llama", "qwen2", "qwen3", "mistral"),
          num_key_value_heads: pick(1, 2, 4),
          head_dim: pick(2, 4, 6),
          tie_word_embeddings: fc.boolean(),
          attention_bias: fc.boolean(),
          mlp_bias: fc.boolean(),
          use_sliding_window: pick(true),
          sliding_window: pick(1, 3, 8, 40),
          max_window_layers: pick(0, 1, 3),
          rope_scaling: pick(null, { rope_type: "linear", factor: 3 }, { rope_type: "yarn", factor: 2 }),
        }),
        fc.nat(),
        async (differs, seed) => {
          const random = new Random(seed);
          await using model = await openModel(await randomCheckpoint({ differs }), {
            device: createCpuBackend(),
          });
          const window = Int32Array.from({ length: 1 + random.integer(20) }, () =>
            random.integer(smallConfig.vocab_size),
          );
          expect(await differenceFromWhole(model, window, random)).toBeLessThan(1e-5);
        },
      ),
      { numRuns: 25 },
    );
  });

  it("should do so in a rotated checkpoint with output maps", async () => {
    const device = createCpuBackend();
    const out = join(await temporaryFolder(), "out");
    const windows = randomWindows(1, 20);
    {
      await using model = await openModel(await randomCheckpoint(), { device });
      for await (const block of calibrate(model, windows, { out, rotated: true })) {
        await absorbR1(block, randomOrthogonal(block.hiddenSize, block.index, device));
        block.setOutputMap(randomOrthogonal(block.hiddenSize, 10 + block.index, device));
      }
    }
    await using model = await openModel(out, { device });
    expect(model.config.rotated).toBe(true);
    expect(await differenceFromWhole(model, windows[0]!, new Random(1))).toBeLessThan(1e-5);
  });
});

describe("TextGenerator", () => {
  it("should refuse prompts and options that leave nothing to do, and more tokens than there is room for", async () => {
    await using model = await openModel(await randomCheckpoint(), { device: createCpuBackend() });
    using generator = await TextGenerator.load(model);
    const first = (length: number, options = {}) => generator.tokens(new Int32Array(length), options).next();
    await expect(first(0)).rejects.toThrow("the prompt has no tokens");
    await expect(first(32)).rejects.toThrow("32 tokens, which leaves no room in the model's context of 32");
    await expect(first(2, { maxTokens: 0 })).rejects.toThrow("maxTokens 0");
    await expect(first(2, { temperature: -1 })).rejects.toThrow("temperature -1");
    await expect(first(2, { topP: 0 })).rejects.toThrow("topP 0");
    await expect(generator.tokens(Int32Array.of(29)).next()).rejects.toThrow("outside the vocabulary of 29");
    expect(() => generator.start(33)).toThrow(OptionError);
    using sequence = generator.start(4);
    await sequence.append(Int32Array.of(1, 2, 3));
    await expect(sequence.append(Int32Array.of(1, 2))).rejects.toThrow(
      "2 tokens after 3: the sequence has room for 1",
    );
  });

  it("should stop where it is told, and name the step whose logits are NaN", async () => {
    const device = createCpuBackend();
    await using model = await openModel(await randomCheckpoint(), { device });
    using generator = await TextGenerator.load(model);
    const controller = new AbortController();
    const run = generator.tokens(Int32Array.of(1, 2), { signal: controller.signal });
    await run.next();
    controller.abort();
    await expect(run.next()).rejects.toThrow("aborted");

    const edit = (name: string, values: Float32Array) => {
      if (name.includes("embed_tokens")) values.fill(3e38, 12 * 5, 12 * 6);
    };
    await using large = await openModel(await randomCheckpoint({ edit }), { device });
    using other = await TextGenerator.load(large);
    const bad = other.tokens(Int32Array.of(1, 2)).next();
    await expect(bad).rejects.toThrow(NonFiniteError);
    await expect(bad).rejects.toThrow("the logits after 2 tokens hold Infinity");
  });

  it("should take the memory it says, and refuse before it loads what does not fit", async () => {
    const device = createCpuBackend();
    await using model = await openModel(await randomCheckpoint(), { device });
    {
      using generator = await TextGenerator.load(model, { capacity: 32 });
      using _ = generator.start(32);
      const { weights, cache } = generator.memory;
      const tables = 2 * 4 * 32 * (smallConfig.head_dim / 2);
      expect(device.capabilities.allocatedBytes()).toBe(weights + cache + tables);
    }
    const { total } = memoryNeed(model, 32);
    expect(checkMemory(model, 32, total).total).toBe(total);
    expect(() => checkMemory(model, 32, total - 1)).toThrow(OutOfMemoryError);
    expect(() => checkMemory(model, 32, total - 1)).toThrow(
      /keeps all weights in memory: 1 MB .* of 32 tokens/,
    );
    expect(device.capabilities.allocatedBytes()).toBe(0);
  });

  it("should take the end tokens of generation_config.json before those of config.json", async () => {
    const directory = await randomCheckpoint({ differs: { eos_token_id: 4 } });
    const ends = async () => {
      await using model = await openModel(directory, { device: createCpuBackend() });
      using generator = await TextGenerator.load(model);
      return [...generator.ends];
    };
    expect(await ends()).toEqual([4]);
    const file = join(directory, "generation_config.json");
    await writeFile(file, JSON.stringify({ eos_token_id: [7, 9] }));
    expect(await ends()).toEqual([7, 9]);
    await writeFile(file, JSON.stringify({ eos_token_id: "x" }));
    await expect(ends()).rejects.toThrow('generation_config.json: eos_token_id is "x"');
  });
});
