import type { InputDrift, OutputDrift } from "@denoise-rotator/contracts";
import { createCpuBackend, OptionError, tidy, toNumbers } from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import { calibrate, type LoadedBlock, openModel } from "../src/index.js";
import { directInputs, gramOf, type Matrix } from "./direct-inputs.js";
import { relativeError } from "./goldens.js";
import { randomCheckpoint, randomOrthogonal, randomWindows } from "./random-checkpoint.js";
import { absorbR1 } from "./rotate.js";

const windows = randomWindows(5, 6);

/** (a′ − a)ᵀ·x, row-major, by loops. */
function drift(dense: Matrix, present: Matrix, x: Matrix): number[] {
  const [outputs, inputs] = [dense[0]!.length, x[0]!.length];
  const sums = new Array<number>(outputs * inputs).fill(0);
  dense.forEach((row, t) => {
    for (let i = 0; i < outputs; i++)
      for (let j = 0; j < inputs; j++)
        sums[i * inputs + j] = sums[i * inputs + j]! + (row[i]! - present[t]![i]!) * x[t]![j]!;
  });
  return sums;
}

const scaleAll = (block: LoadedBlock, factor: number) => {
  for (const site of block.sites) site.setWeight(site.weight.mul(factor));
};

describe("the dense stream", () => {
  it.each(["plain", "folded and rotated"])(
    "should give the drift that loops in f64 give: %s",
    async (form) => {
      const device = createCpuBackend();
      await using model = await openModel(await randomCheckpoint(), { device, activationBatch: 2 });
      for await (const block of calibrate(model, windows, { dense: true })) {
        if (block.index === 0) {
          block.trackDense();
          scaleAll(block, 0.7);
          continue;
        }
        if (form !== "plain") await absorbR1(block, randomOrthogonal(block.hiddenSize, 5, device));
        const dense = await directInputs(block, model, block.denseInputs);
        block.trackDense();
        scaleAll(block, 0.8);
        block.trackDense();
        await block.capture();
        const present = await directInputs(block, model);
        for (const [group, roles] of block.groups.entries()) {
          for (const role of roles) {
            const { gram, tokens, drift: of } = block.sites.find((site) => site.role === role)!.statistics!;
            const found = of as InputDrift;
            const x = present.groups[group]!;
            expect(tokens).toBe(30);
            expect(relativeError(await toNumbers(gram), gramOf(x))).toBeLessThan(1e-5);
            expect(
              relativeError(await toNumbers(found.inputs), drift(dense.groups[group]!, x, x)),
            ).toBeLessThan(1e-4);
            if (group === 0 || group === 2) expect(found.residual).toBeUndefined();
            else {
              const expected = drift(dense.residuals[group as 1], present.residuals[group as 1], x);
              expect(relativeError(await toNumbers(found.residual!), expected)).toBeLessThan(1e-4);
            }
          }
        }
        break;
      }
      expect(device.capabilities.allocatedBytes()).toBe(0);
    },
  );

  it("should be the unchanged model, whatever is done to the other", async () => {
    const device = createCpuBackend();
    await using model = await openModel(await randomCheckpoint(), { device, activationBatch: 2 });
    const expected = [(await model.embedWindows(windows)).window(4).slice()];
    for await (const states of model.hiddenStates(windows)) expected.push(states.window(4).slice());
    for await (const block of calibrate(model, windows, { dense: true, rotated: true })) {
      expect(relativeError(block.denseInputs!.window(4), expected[block.index]!)).toBeLessThan(1e-5);
      if (block.index > 0)
        expect(relativeError(block.inputs!.window(4), expected[block.index]!)).toBeGreaterThan(0.01);
      await absorbR1(block, randomOrthogonal(block.hiddenSize, block.index, device));
      block.trackDense();
      scaleAll(block, 0.7);
    }
    for await (const block of calibrate(model, windows, { dense: true, skip: (index) => index === 0 })) {
      expect(block.denseInputs!.window(4)).toEqual(expected[block.index]);
      expect(block.inputs!.window(4)).toEqual(expected[block.index]);
    }
  });

  it("should say where it is missing, and refuse other coordinates once it is fixed", async () => {
    const device = createCpuBackend();
    await using model = await openModel(await randomCheckpoint(), { device });
    for await (const block of calibrate(model, windows)) {
      expect(() => block.trackDense()).toThrow(/model\.layers\.0: no dense stream .* dense: true/);
      break;
    }
    for await (const block of calibrate(model, windows, { dense: true })) {
      block.trackDense();
      await expect(block.foldNorms()).rejects.toThrow(OptionError);
      break;
    }
    expect(device.capabilities.allocatedBytes()).toBe(0);
  });

  it("should come to the same of a site so wide that its statistics are summed apart: H to the bit", async () => {
    const device = createCpuBackend();
    await using model = await openModel(await randomCheckpoint(), { device, activationBatch: 2 });
    const captured = async (largeInputs: number | undefined) => {
      const options = { dense: true, ...(largeInputs === undefined ? {} : { largeInputs }) };
      for await (const block of calibrate(model, windows, options)) {
        block.trackDense();
        scaleAll(block, 0.8);
        if (block.index === 0) continue;
        await block.capture();
        return Promise.all(
          (["oProj", "downProj", "upProj"] as const).map(async (role) => {
            const { weight, statistics } = block.sites.find((site) => site.role === role)!;
            const { gram, drift } = statistics!;
            const parts = drift as InputDrift & OutputDrift;
            using outputs =
              parts.outputs?.alias() ??
              tidy(() => {
                const lost = weight.matmul(parts.inputs);
                return parts.residual ? lost.add(parts.residual) : lost.alias();
              });
            return { gram: await toNumbers(gram), outputs: await toNumbers(outputs), whole: !parts.outputs };
          }),
        );
      }
      throw new RangeError("no second block");
    };
    const [together, apart] = [await captured(undefined), await captured(1)];
    expect(together.map(({ whole }) => whole)).toEqual([true, true, true]);
    expect(apart.map(({ whole }) => whole)).toEqual([false, false, true]);
    for (const [i, { gram, outputs }] of together.entries()) {
      expect(apart[i]!.gram).toEqual(gram);
      expect(relativeError(apart[i]!.outputs, outputs)).toBeLessThan(1e-5);
    }
    expect(device.capabilities.allocatedBytes()).toBe(0);
  });

  it("should show windows of both streams, and the block as a function of its weights", async () => {
    const device = createCpuBackend();
    await using model = await openModel(await randomCheckpoint(), { device, activationBatch: 2 });
    for await (const block of calibrate(model, windows, { dense: true })) {
      expect(() => block.sampleDense([0])).toThrow(/trackDense\(\) comes before/);
      block.trackDense();
      if (block.index === 0) {
        scaleAll(block, 0.7);
        continue;
      }
      expect(block.windowCount).toBe(5);
      using sample = block.sampleDense([4, 1]);
      expect(sample.target.shape).toEqual([12, block.hiddenSize]);
      using dense = block.forward(block.denseInputs!.uploadWindows(device, [4, 1]));
      expect(Array.from(await toNumbers(sample.target))).toEqual(Array.from(await toNumbers(dense)));
      using present = block.forward(block.inputs!.uploadWindows(device, [4, 1]));
      using same = sample.forward(new Map());
      expect(Array.from(await toNumbers(same))).toEqual(Array.from(await toNumbers(present)));
      const up = block.sites.find(({ role }) => role === "upProj")!;
      using twice = up.weight.mul(2);
      using changed = sample.forward(new Map([["upProj", twice]]));
      up.setWeight(twice.alias());
      using set = sample.forward(new Map());
      expect(Array.from(await toNumbers(changed))).toEqual(Array.from(await toNumbers(set)));
      expect(Array.from(await toNumbers(changed))).not.toEqual(Array.from(await toNumbers(same)));
      break;
    }
  });

  it("should name the site whose drift is not finite", async () => {
    const device = createCpuBackend();
    await using model = await openModel(await randomCheckpoint(), { device });
    for await (const block of calibrate(model, windows, { dense: true })) {
      const up = block.sites.find(({ role }) => role === "upProj")!;
      up.setWeight(up.weight.mul(Number.NaN));
      block.trackDense();
      up.setWeight(up.weight.mul(0).isFinite().cast("f32"));
      await expect(block.capture(["downProj"])).rejects.toThrow(
        "model.layers.0.mlp.down_proj: the drift of its inputs",
      );
      break;
    }
  });
});
