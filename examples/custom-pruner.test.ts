import { parsePattern } from "@denoise-rotator/contracts";
import { smallest, tidy } from "@denoise-rotator/core";
import { type Pruner, pruneBlock } from "@denoise-rotator/pruners";
import { absorb, denoise } from "@denoise-rotator/rotator";
import { describe, expect, it } from "vitest";
import { ToyBlock } from "./custom-block.js";

/** Ranks weights by |w|·‖X_j‖₁-like scores: here the fourth root of Wanda's importance. One object is a pruner. */
const softWanda: Pruner = {
  name: "soft-wanda",
  updatesWeights: false,
  importance: {
    name: "soft-wanda",
    columnScale: "diagonal",
    of: async ({ weight, statistics }) => tidy(() => weight.square().mul(statistics!.gram.diagonal())),
  },
  async prune(site, pattern) {
    const [keep, of] = pattern.kind === "n:m" ? [pattern.keep, pattern.of] : [1, 2];
    return tidy(() => {
      const score = site.weight.square().mul(site.statistics!.gram.diagonal()).sqrt().sqrt();
      const mask = smallest(score, { group: of, count: of - keep }).logicalNot();
      return { weight: site.weight.mul(mask.cast("f32")), mask };
    });
  },
};

describe("a pruner of your own", () => {
  it("should take part in rotation and pruning where a built-in one does", async () => {
    const block = new ToyBlock(2);
    const pattern = parsePattern("2:4");
    await block.capture();
    const rotation = await denoise(block, { importance: softWanda.importance, pattern, steps: 10 });
    await absorb(block, rotation);
    const { sites } = await pruneBlock(block, softWanda, { pattern });
    for (const { sparsity } of sites) expect(sparsity).toBe(0.5);
    block.dispose();
    rotation.dispose();
  });
});
