import { fixedBiases } from "./biases.js";
import type { DecoderFamily } from "./family.js";
import { llama } from "./llama.js";

/** Mistral 7B and Nemo: all blocks with one attention window, or none. */
export const mistral: DecoderFamily = {
  ...llama,
  modelType: "mistral",
  className: "Mistral",
  defaults: { keyValueHeadCount: 8, maxPositionEmbeddings: 131_072 },
  attentionWindows: (fields, layerCount) => {
    const window =
      fields.raw("sliding_window") === null ? undefined : fields.positiveInteger("sliding_window", 4096);
    return new Array(layerCount).fill(window);
  },
  linears: fixedBiases(llama, []),
};
