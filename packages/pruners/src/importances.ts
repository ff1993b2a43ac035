import { type Importance, requireStatistics } from "@denoise-rotator/contracts";
import { tidy } from "@denoise-rotator/core";

/** S = W². */
export const magnitudeImportance: Importance = {
  name: "magnitude",
  columnScale: "one",
  of: async ({ weight }) => weight.square(),
};

/** S_ij = W_ij²·H_jj, the square of Wanda's |W_ij|·‖X_j‖ (Sun et al., arXiv 2306.11695). */
export const wandaImportance: Importance = {
  name: "wanda",
  columnScale: "diagonal",
  of: async (site) => {
    const { gram } = requireStatistics(site);
    return tidy(() => site.weight.square().mul(gram.diagonal()));
  },
};
