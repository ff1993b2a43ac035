import { fixedBiases } from "./biases.js";
import type { DecoderFamily } from "./family.js";
import { layerWindows } from "./layer-windows.js";
import { llama } from "./llama.js";

/** Qwen2 and Qwen2.5: biases on q, k and v. */
export const qwen2: DecoderFamily = {
  ...llama,
  modelType: "qwen2",
  className: "Qwen2",
  defaults: { keyValueHeadCount: 32, maxPositionEmbeddings: 32_768 },
  attentionWindows: layerWindows,
  linears: fixedBiases(llama, ["qProj", "kProj", "vProj"]),
};
