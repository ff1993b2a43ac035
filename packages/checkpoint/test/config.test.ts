import { describe, expect, it } from "vitest";
import { CheckpointError, type ConfigRules, parseDecoderConfig } from "../src/index.js";

const base = {
  model_type: "llama",
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  vocab_size: 100,
};
const llama3 = {
  factor: 32,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 8192,
};
const scaling = {
  kind: "llama3",
  factor: 32,
  lowFreqFactor: 1,
  highFreqFactor: 4,
  originalMaxPositionEmbeddings: 8192,
};

/** Two families: one as Llama, one with all that can differ. */
const families: readonly ConfigRules[] = [
  { modelType: "llama" },
  {
    modelType: "other",
    defaults: { headDim: 32, keyValueHeadCount: 2, maxPositionEmbeddings: 4096 },
    attentionWindows: (fields, layerCount) => new Array(layerCount).fill(fields.positiveInteger("window", 7)),
  },
];
const parse = (raw: Record<string, unknown>, file?: string) => parseDecoderConfig(raw, families, file);

describe("parseDecoderConfig", () => {
  it("should fill in the defaults of transformers", () => {
    expect(parse(base)).toEqual({
      modelType: "llama",
      rotated: false,
      hiddenSize: 64,
      intermediateSize: 96,
      layerCount: 2,
      headCount: 4,
      keyValueHeadCount: 4,
      headDim: 16,
      vocabularySize: 100,
      maxPositionEmbeddings: 2048,
      rmsNormEps: 1e-6,
      ropeTheta: 10000,
      ropeScaling: undefined,
      attentionWindows: [undefined, undefined],
      tieWordEmbeddings: false,
      attentionBias: false,
      mlpBias: false,
      hiddenAct: "silu",
      bosTokenIds: [],
      eosTokenIds: [],
      dtype: undefined,
      raw: base,
    });
  });

  it("should read both dialects of transformers alike", () => {
    const four = {
      rope_theta: 5e5,
      rope_scaling: { rope_type: "llama3", ...llama3 },
      torch_dtype: "bfloat16",
    };
    const five = { rope_parameters: { rope_theta: 5e5, rope_type: "llama3", ...llama3 }, dtype: "bfloat16" };
    for (const dialect of [four, five]) {
      const config = parse({ ...base, ...dialect, eos_token_id: [1, 2], bos_token_id: 0 });
      expect(config).toMatchObject({ ropeTheta: 5e5, ropeScaling: scaling, dtype: "bfloat16" });
      expect([config.bosTokenIds, config.eosTokenIds]).toEqual([[0], [1, 2]]);
    }
  });

  it("should read linear scaling by its old name too", () => {
    const config = parse({ ...base, rope_scaling: { type: "linear", factor: 2 } });
    expect(config.ropeScaling).toEqual({ kind: "linear", factor: 2 });
  });

  it("should read YaRN with the defaults of transformers", () => {
    const yarn = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 512 };
    expect(parse({ ...base, rope_scaling: yarn }).ropeScaling).toEqual({
      kind: "yarn",
      factor: 4,
      betaFast: 32,
      betaSlow: 1,
      originalMaxPositionEmbeddings: 512,
      attentionFactor: 0.1 * Math.log(4) + 1,
      truncate: true,
    });
  });

  it("should follow the rules of the family", () => {
    const other = { ...base, model_type: "other" };
    expect(parse(other)).toMatchObject({
      modelType: "other",
      headDim: 32,
      keyValueHeadCount: 2,
      maxPositionEmbeddings: 4096,
      attentionWindows: [7, 7],
    });
    expect(parse({ ...other, head_dim: null, num_key_value_heads: null, window: 3 })).toMatchObject({
      headDim: 16,
      keyValueHeadCount: 4,
      attentionWindows: [3, 3],
    });
  });

  it("should read the checkpoints of this project", () => {
    const ours = {
      model_type: "denoise_rotator_llama",
      denoise_rotator: { version: 1, base_model_type: "llama" },
    };
    expect(parse({ ...base, ...ours })).toMatchObject({ modelType: "llama", rotated: true });
  });

  it.each<[Record<string, unknown>, string]>([
    [{ model_type: undefined }, "model_type is missing"],
    [
      { model_type: "lama" },
      'model_type "lama" is not supported (did you mean "llama"?); supported: llama, other',
    ],
    [{ model_type: "gpt2" }, 'model_type "gpt2" is not supported; supported: llama,'],
    [{ model_type: "denoise_rotator_llama" }, "denoise_rotator is missing"],
    [
      { model_type: "denoise_rotator_llama", denoise_rotator: { version: 2, base_model_type: "llama" } },
      "denoise_rotator.version is 2",
    ],
    [{ denoise_rotator: {} }, "model_type"],
    [
      { model_type: "denoise_rotator_llama", denoise_rotator: { version: 1, base_model_type: "other" } },
      'denoise_rotator.base_model_type is "other", model_type says "llama"',
    ],
    [{ hidden_size: 0 }, "hidden_size is 0, it must be a positive integer"],
    [{ hidden_size: [[[]]] }, "hidden_size is nested"],
    [{ hidden_size: "64" }, 'hidden_size is "64"'],
    [{ hidden_size: 66 }, "hidden_size is 66, without head_dim"],
    [{ head_dim: 3 }, "head_dim is 3"],
    [{ num_hidden_layers: 1.5 }, "num_hidden_layers is 1.5"],
    [{ vocab_size: null }, "vocab_size is missing"],
    [{ num_key_value_heads: 3 }, "num_key_value_heads is 3, it must divide"],
    [{ rms_norm_eps: -1 }, "rms_norm_eps is -1"],
    [{ rope_theta: 0 }, "rope_theta is 0"],
    [{ rope_scaling: "yes" }, 'rope_scaling is "yes"'],
    [
      { rope_scaling: { rope_type: "longrope", factor: 2 } },
      'rope_scaling is of type "longrope", supported: default, linear, dynamic, llama3, yarn',
    ],
    [{ rope_parameters: { rope_type: "su" } }, 'rope_parameters is of type "su"'],
    [{ rope_parameters: { full_attention: {} } }, "rope_parameters.full_attention is there"],
    [{ rope_scaling: { rope_type: "yarn", factor: 2, mscale: 1 } }, "rope_scaling.mscale is there"],
    [{ partial_rotary_factor: 0.5 }, "partial_rotary_factor is not 1"],
    [{ rope_parameters: { partial_rotary_factor: 0.5 } }, "rope_parameters.partial_rotary_factor is not 1"],
    [{ rope_interleaved: true }, "rope_interleaved is true, only the half-split layout"],
    [
      { quantization_config: { bits: 4 } },
      "quantization_config is there; give the model with weights in f32",
    ],
    [{ rope_scaling: { rope_type: "llama3", factor: 2 } }, "rope_scaling.low_freq_factor is missing"],
    [
      { rope_scaling: { rope_type: "llama3", ...llama3, high_freq_factor: 1 } },
      "rope_scaling.high_freq_factor is 1",
    ],
    [{ hidden_act: "gelu" }, 'hidden_act is "gelu", only "silu"'],
    [{ tie_word_embeddings: 1 }, "tie_word_embeddings is 1"],
    [{ eos_token_id: [-1] }, "eos_token_id is [-1]"],
  ])("should refuse %j", (change, message) => {
    const refused = () => parse({ ...base, ...change }, "m/config.json");
    expect(refused).toThrow(CheckpointError);
    expect(refused).toThrow(`m/config.json: ${message}`);
  });
});
