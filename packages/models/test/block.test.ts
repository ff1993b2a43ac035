import { validateBlock } from "@denoise-rotator/contracts";
import { createCpuBackend, OptionError, ShapeError, toNumbers } from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import { calibrate, type LoadedBlock, type Model, openModel } from "../src/index.js";
import { directInputs, gramOf } from "./direct-inputs.js";
import { relativeError } from "./goldens.js";
import { randomCheckpoint, randomOrthogonal, randomWindows } from "./random-checkpoint.js";
import { absorbR1 } from "./rotate.js";

async function expectStatistics(block: LoadedBlock, model: Model) {
  const expected = (await directInputs(block, model)).groups.map(gramOf);
  for (const [group, roles] of block.groups.entries()) {
    for (const site of block.sites.filter(({ role }) => roles.includes(role))) {
      const { gram, tokens } = site.statistics!;
      expect(tokens).toBe(block.inputs!.tokens);
      expect(relativeError(await toNumbers(gram), expected[group]!)).toBeLessThan(1e-5);
    }
  }
}

const windows = randomWindows(5, 6);

/** Runs `body` on the first block of a small random model. */
async function withBlock(body: (block: LoadedBlock, model: Model) => Promise<void>, activationBatch = 2) {
  const device = createCpuBackend();
  await using model = await openModel(await randomCheckpoint(), { device, activationBatch });
  for await (const block of calibrate(model, windows)) {
    await body(block, model);
    break;
  }
  expect(device.capabilities.allocatedBytes()).toBe(0);
}

describe("LoadedBlock", () => {
  it("should be a valid block", () => withBlock(async (block) => validateBlock(block)));

  it.each([1, 2, 5])("should capture the H that loops in f64 give, in batches of %i windows", (batch) =>
    withBlock(async (block, model) => {
      await block.capture();
      await expectStatistics(block, model);
      const grams = block.sites.map((site) => site.statistics);
      expect(new Set(grams).size).toBe(4);
    }, batch),
  );

  it("should capture with the residual basis and with folded norms", () =>
    withBlock(async (block, model) => {
      await block.foldNorms();
      await block.capture();
      await expectStatistics(block, model);
      await absorbR1(block, randomOrthogonal(block.hiddenSize, 5, block.device));
      await block.capture();
      await expectStatistics(block, model);
    }));

  it("should capture later groups with the present weights, and only what is asked for", () =>
    withBlock(async (block, model) => {
      await block.capture(["qProj"]);
      expect(block.sites.filter((site) => site.statistics).map((site) => site.role)).toEqual([
        "qProj",
        "kProj",
        "vProj",
      ]);
      for (const site of block.sites.slice(0, 3)) site.setWeight(site.weight.mul(0.5));
      await block.capture(["oProj"]);
      const o = block.sites.find((site) => site.role === "oProj")!;
      o.setWeight(o.weight.mul(0));
      await block.capture(["gateProj", "upProj"]);
      await block.capture(["downProj"]);
      const [, , second, gated] = (await directInputs(block, model)).groups.map(gramOf);
      const gramFor = (role: string) =>
        toNumbers(block.sites.find((site) => site.role === role)!.statistics!.gram);
      expect(relativeError(await gramFor("upProj"), second!)).toBeLessThan(1e-5);
      expect(relativeError(await gramFor("downProj"), gated!)).toBeLessThan(1e-5);
    }));

  it("should keep its outputs when norms are folded, and fold once", () =>
    withBlock(async (block) => {
      using before = await block.sampleOutputs();
      expect(before.shape).toEqual([4 * 6, block.hiddenSize]);
      await block.foldNorms();
      const { weight } = block.sites[0]!;
      await block.foldNorms();
      expect(block.sites[0]!.weight).toBe(weight);
      expect(new Set(await block.attentionNorm.read())).toEqual(new Set([1]));
      using after = await block.sampleOutputs();
      expect(relativeError(await after.read(), await before.read())).toBeLessThan(1e-5);
    }));

  it("should refuse a basis before norms are folded, or of another shape", () =>
    withBlock(async (block) => {
      using basis = randomOrthogonal(block.hiddenSize, 1, block.device);
      expect(() => block.setResidualBasis(basis)).toThrow(OptionError);
      await block.foldNorms();
      using small = randomOrthogonal(3, 1, block.device);
      expect(() => block.setResidualBasis(small)).toThrow(ShapeError);
    }));

  it("should name the site whose statistics are not finite", () =>
    withBlock(async (block) => {
      block.sites[0]!.setWeight(block.sites[0]!.weight.mul(Number.NaN));
      await expect(block.capture(["oProj"])).rejects.toThrow("model.layers.0.self_attn.o_proj: H");
    }));

  it("should say that a block loaded by itself has no calibration inputs", async () => {
    await using model = await openModel(await randomCheckpoint(), { device: createCpuBackend() });
    using block = await model.loadBlock(1);
    await expect(block.capture()).rejects.toThrow("calibrate()");
  });
});
