import { validateBlock } from "@denoise-rotator/contracts";
import { pruneBlock, wanda } from "@denoise-rotator/pruners";
import { absorb, denoise } from "@denoise-rotator/rotator";
import { describe, expect, it } from "vitest";
import { ToyBlock } from "./custom-block.js";

const totalError = async (block: ToyBlock) => {
  const { sites } = await pruneBlock(block, wanda({ pattern: "2:4" }));
  return sites.reduce((sum, { error }) => sum + error, 0);
};

describe("a block of your own", () => {
  it("should satisfy the contract", () => {
    const block = new ToyBlock(0);
    validateBlock(block);
    block.dispose();
  });

  it("should keep its function under rotation and lose less when pruned", async () => {
    const plain = new ToyBlock(1);
    const before = await totalError(plain);

    const rotated = new ToyBlock(1);
    await rotated.capture();
    const rotation = await denoise(rotated, { importance: wanda().importance, steps: 40 });
    expect(rotation.objective.best).toBeLessThan(rotation.objective.start);
    const { invarianceError } = await absorb(rotated, rotation);
    expect(invarianceError).toBeLessThan(1e-5);
    expect(await totalError(rotated)).toBeLessThan(before);

    for (const thing of [plain, rotated, rotation]) thing.dispose();
  });
});
