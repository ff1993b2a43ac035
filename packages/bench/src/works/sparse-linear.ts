import { decodeBFloat16, encodeBFloat16 } from "@denoise-rotator/core";
import type { Work, WorkCheck } from "../contender.js";
import { linear, linearCheck } from "./products.js";

/**
 * y = x·Wᵀ with 2:4-sparse W: `linear` on a pruned layer. W's values are bf16 as checkpoints hold them; who has no sparse product
 * multiplies zeros as well, in f32. FLOPs and bytes are counted as of the dense layer, so that rates compare with `linear`.
 */
export const linear24 = (tokens: number, outputs: number, inputs: number): Work => {
  const dense = linear(tokens, outputs, inputs);
  return { ...dense, name: dense.name.replace("linear", "linear24"), kind: "linear24" };
};

/** W has two zeros in every four consecutive inputs of a row. */
export const linear24Check: WorkCheck = {
  ...linearCheck,
  async inputs(work) {
    const [x, weight] = await linearCheck.inputs(work);
    const data = decodeBFloat16(encodeBFloat16(weight!.data));
    for (let group = 0; group < data.length; group += 4) {
      // Which two follows from the sign of the first two: all that matters is that neighbours differ.
      const shift = (data[group]! < 0 ? 1 : 0) + (data[group + 1]! < 0 ? 2 : 0);
      data[group + shift] = 0;
      data[group + ((shift + 1 + (group % 3)) & 3)] = 0;
    }
    return [x!, { ...weight!, data }];
  },
};
