import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { llama3Scaling } from "../src/gguf/rope-scaling.js";
import { configFromGguf, type GgufHeader } from "../src/index.js";

const base = {
  "general.architecture": "llama",
  "llama.context_length": 64,
  "llama.embedding_length": 32,
  "llama.block_count": 2,
  "llama.feed_forward_length": 48,
  "llama.attention.head_count": 4,
  "llama.attention.layer_norm_rms_epsilon": Math.fround(1e-6),
  "llama.vocab_size": 100,
};
const headerOf = (metadata: Record<string, unknown>): GgufHeader => ({
  metadata: new Map(Object.entries(metadata)),
  tensors: new Map(),
});
const configOf = (changes: Record<string, unknown> = {}, factors?: number[]) =>
  configFromGguf("x.gguf", headerOf({ ...base, ...changes }), factors);

/** What llama.cpp's conversion writes for Llama 3's scaling, in f32. */
function factorsOf(scaling: { factor: number; context: number; headDim: number; theta: number }): number[] {
  const { factor, context, headDim, theta } = scaling;
  return Array.from({ length: headDim / 2 }, (_, i) => {
    const s = Math.min(1, Math.max(0, (context / (2 * Math.PI * theta ** ((2 * i) / headDim)) - 1) / 3));
    return Math.fround(1 / ((1 - s) / factor + s));
  });
}

describe("configFromGguf", () => {
  it("should give decimals as they were before they became f32, and defaults where keys are absent", () => {
    expect(configOf()).toMatchObject({
      ...{ rms_norm_eps: 1e-6, num_key_value_heads: 4, head_dim: 8, vocab_size: 100, rope_theta: 10_000 },
      ...{ rope_scaling: null, tie_word_embeddings: true, attention_bias: false },
    });
    expect(configOf({ "llama.rope.freq_base": 500_000, "llama.embedding_length": 32n })).toMatchObject({
      ...{ rope_theta: 500_000, hidden_size: 32 },
    });
  });

  it("should take a llama with a sliding window for a Mistral", () => {
    expect(configOf({ "llama.attention.sliding_window": 16 })).toMatchObject({
      ...{ model_type: "mistral", architectures: ["MistralForCausalLM"], sliding_window: 16 },
    });
  });

  it.each([
    [
      { "llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 4 },
      { rope_type: "linear", factor: 4 },
    ],
    [{ "llama.rope.scale_linear": 2 }, { rope_type: "linear", factor: 2 }],
    [{ "llama.rope.scaling.type": "none", "llama.rope.scaling.factor": 4 }, null],
    [
      {
        "llama.rope.scaling.type": "yarn",
        "llama.rope.scaling.factor": 4,
        "llama.rope.scaling.original_context_length": 32_768,
      },
      { rope_type: "yarn", factor: 4, original_max_position_embeddings: 32_768 },
    ],
  ])("should read the scaling %j", (metadata, expected) => {
    expect(configOf(metadata).rope_scaling).toEqual(expected);
  });

  it.each([
    [{ "llama.rope.scaling.type": "yarn", "llama.rope.scaling.attn_factor": 2 }, "attn_factor is not 1"],
    [{ "llama.block_count": -1 }, "llama.block_count is -1, it must be an integer of at least 0"],
    [{ "llama.context_length": undefined }, "llama.context_length is missing"],
    [{ "llama.attention.value_length": 16 }, "value_length is 16, only the size of a head, 8"],
    [
      { "general.architecture": "qwen2", "qwen2.attention.sliding_window": 8 },
      "sliding_window is not supported",
    ],
  ])("should name what it does not support: %j", (metadata, message) => {
    expect(() => configOf(metadata)).toThrow(message);
  });
});

describe("llama3Scaling", () => {
  it("should find the numbers that the factors came from", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(4, 8, 16, 32),
        fc.constantFrom(4096, 8192, 16_384, 100_000),
        fc.constantFrom(64, 80, 128),
        fc.constantFrom(10_000, 500_000, 1_000_000),
        (factor, context, headDim, theta) => {
          const longest = 2 * Math.PI * theta ** ((headDim - 2) / headDim);
          fc.pre(longest > context); // as in every such model: the longest wave is slowed by the whole factor
          const factors = factorsOf({ factor, context, headDim, theta });
          expect(llama3Scaling(factors, { file: "x.gguf", headDim, ropeTheta: theta })).toEqual({
            ...{ rope_type: "llama3", factor, low_freq_factor: 1, high_freq_factor: 4 },
            original_max_position_embeddings: context,
          });
        },
      ),
    );
  });

  it("should refuse factors of another kind, and none of them", () => {
    const of = (factors: number[]) => () =>
      llama3Scaling(factors, { file: "x.gguf", headDim: 8, ropeTheta: 10_000 });
    expect(of([1, 1, 1, 1])()).toBeUndefined();
    for (const factors of [[], [1, 1], [1, 2, 3, 4], [8, 8, 8, 1], [1, Number.NaN, 8, 8], [1, 0, 8, 8]]) {
      expect(of(factors)).toThrow(/^x\.gguf: rope_freqs\.weight does not hold/);
    }
  });
});
