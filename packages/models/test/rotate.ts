import { type Tensor, tidy } from "@denoise-rotator/core";
import type { LoadedBlock } from "../src/index.js";

/** Absorbs R1 into a block as `docs/design/architecture.md` places it: in·R1, R1ᵀ·out. Takes ownership of `R1`. */
export async function absorbR1(block: LoadedBlock, R1: Tensor): Promise<void> {
  await block.foldNorms();
  for (const site of block.sites) {
    const { role, weight, bias } = site;
    if (role === "oProj" || role === "downProj") {
      site.setWeight(tidy(() => R1.transpose().matmul(weight)));
      if (bias) site.setBias(tidy(() => bias.unsqueeze(0).matmul(R1).squeeze(0)));
    } else site.setWeight(tidy(() => weight.matmul(R1)));
  }
  block.setResidualBasis(R1);
}
