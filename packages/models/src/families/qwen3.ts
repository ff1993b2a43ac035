import { attentionBiases } from "./biases.js";
import type { DecoderFamily } from "./family.js";
import { layerWindows } from "./layer-windows.js";
import { llama } from "./llama.js";

/** Qwen3, dense: queries and keys are normalised by head. */
export const qwen3: DecoderFamily = {
  ...llama,
  modelType: "qwen3",
  className: "Qwen3",
  defaults: { headDim: 128, keyValueHeadCount: 32, maxPositionEmbeddings: 32_768 },
  attentionWindows: layerWindows,
  headNorms: { query: "self_attn.q_norm.weight", key: "self_attn.k_norm.weight" },
  linears: attentionBiases(llama),
};
