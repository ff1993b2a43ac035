import { siteOf } from "@denoise-rotator/contracts";
import { eye, item, Random, stack, type Tensor, toNumbers } from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import {
  absorb,
  InvarianceError,
  identityRotation,
  RotationError,
  rotationFromArrays,
  rotationToArrays,
} from "../src/index.js";
import { randomOrthogonal } from "./importances.js";
import { gqa, mha, ToyBlock, type ToyOptions } from "./toy-block.js";

function randomRotation(block: ToyBlock, seed = 3) {
  const random = new Random(seed);
  const { dtype } = block.inputs;
  const turn = (size: number) => randomOrthogonal(random.normal([3, size], { dtype }));
  const { keyValueCount, dim } = block.heads;
  return { R1: turn(block.hiddenSize), R2: stack(Array.from({ length: keyValueCount }, () => turn(dim))) };
}

const maxDifference = (a: Tensor, b: Tensor) => item(a.sub(b).abs().max());

describe("absorb", () => {
  it.each<[string, ToyOptions]>([
    ["GQA", { heads: gqa }],
    ["MHA", { heads: mha }],
    ["biases", { biases: true }],
    ["heads wider than the residual stream", { hidden: 8, intermediate: 12 }],
  ])("should leave the outputs of a block alone: %s", async (_, options) => {
    const block = new ToyBlock({ ...options, norms: true });
    await block.foldNorms();
    const before = await block.sampleOutputs();
    const { invarianceError } = await absorb(block, randomRotation(block));
    expect(invarianceError).toBeLessThan(1e-10);
    expect(await maxDifference(await block.sampleOutputs(), before)).toBeLessThan(1e-10);
  });

  it("should hold its tolerance in f32", async () => {
    const block = new ToyBlock({ dtype: "f32", biases: true });
    const { invarianceError } = await absorb(block, randomRotation(block));
    expect(invarianceError).toBeGreaterThan(1e-9);
    expect(invarianceError).toBeLessThan(1e-4);
  });

  it("should hold it where one token has a massive activation, which is rounded as coarsely as it is large", async () => {
    const block = new ToyBlock({ dtype: "f32", tokens: 200, massive: 1e5 });
    const before = await block.sampleOutputs();
    const { invarianceError } = await absorb(block, randomRotation(block));
    const change = await maxDifference(await block.sampleOutputs(), before);
    const ofAll = change / (await item(before.square().mean().sqrt()));
    expect(invarianceError).toBeGreaterThan(0);
    expect(invarianceError).toBeLessThan(ofAll / 5);
    expect(invarianceError).toBeLessThan(1e-4);
  });

  it("should hold it where one channel has massive activations: a token's change is compared with the token", async () => {
    const block = new ToyBlock({ dtype: "f32", hidden: 128, outlier: 1e5 });
    const before = await block.sampleOutputs();
    const { invarianceError } = await absorb(block, randomRotation(block));
    const change = (await block.sampleOutputs()).sub(before);
    const rms = (rows: Tensor) => rows.square().mean({ axis: -1 }).sqrt();
    const largest = await item(change.abs().max({ axis: -1 }).div(rms(before)).max());
    expect(invarianceError).toBeGreaterThan(0);
    expect(invarianceError).toBeLessThan(largest / 5);
    expect(invarianceError).toBeLessThan(1e-4);
  });

  it("should compose with a rotation absorbed before", async () => {
    const block = new ToyBlock();
    const before = await block.sampleOutputs();
    await absorb(block, randomRotation(block, 1));
    await absorb(block, randomRotation(block, 2));
    expect(await maxDifference(await block.sampleOutputs(), before)).toBeLessThan(1e-10);
  });

  it("should turn statistics into those the turned block captures", async () => {
    const block = new ToyBlock({ biases: true });
    await block.capture();
    await absorb(block, randomRotation(block));
    const turned = new Map(block.sites.map(({ role, statistics }) => [role, statistics!.gram.alias()]));
    expect(siteOf(block, "kProj").statistics).toBe(siteOf(block, "qProj").statistics);
    expect(siteOf(block, "upProj").statistics).toBe(siteOf(block, "gateProj").statistics);
    await block.capture();
    for (const { role, statistics } of block.sites) {
      const size = await item(statistics!.gram.abs().max());
      expect(await maxDifference(turned.get(role)!, statistics!.gram)).toBeLessThan(1e-12 * size);
    }
  });

  it("should keep Frobenius norms of weights and traces of statistics", async () => {
    const block = new ToyBlock();
    await block.capture();
    const figures = async () =>
      Promise.all(
        block.sites.flatMap(({ weight, statistics }) => [
          item(weight.square().sum()),
          item(statistics!.gram.diagonal().sum()),
        ]),
      );
    const before = await figures();
    await absorb(block, randomRotation(block));
    const after = await figures();
    after.forEach((value, i) => void expect(value / before[i]!).toBeCloseTo(1, 10));
  });

  it("should refuse what is not orthogonal", async () => {
    const block = new ToyBlock();
    const { R1, R2 } = randomRotation(block);
    await expect(absorb(block, { R1: R1.mul(1.001), R2 })).rejects.toThrow(RotationError);
    await expect(absorb(block, { R1, R2: R2.mul(1.001) })).rejects.toThrow(/R2 is not orthogonal/);
    await expect(absorb(block, { R1: R1.mul(Number.NaN), R2 })).rejects.toThrow(/R1 holds NaN/);
    await expect(absorb(block, { R1: eye(4, { dtype: "f64" }), R2 })).rejects.toThrow(/\[4, 4\].*\[16, 16\]/);
  });

  it("should refuse a block whose heads are not laid out as declared, and give its weights back", async () => {
    const block = new ToyBlock({ interleaved: true, biases: true });
    await block.capture();
    const [before, weight] = [await block.sampleOutputs(), siteOf(block, "vProj").weight.alias()];
    const H = siteOf(block, "oProj").statistics!.gram.alias();
    const error = await absorb(block, randomRotation(block)).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(InvarianceError);
    expect((error as InvarianceError).block).toBe("toy.0");
    expect((error as InvarianceError).error).toBeGreaterThan(0.01);
    expect(await maxDifference(siteOf(block, "vProj").weight, weight)).toBe(0);
    expect(await maxDifference(siteOf(block, "oProj").statistics!.gram, H)).toBe(0);
    expect(await maxDifference(await block.sampleOutputs(), before)).toBe(0);
    expect(block.residualBasis).toBeUndefined();
  });

  it("should refuse a block whose norms are not folded", async () => {
    const block = new ToyBlock({ norms: true });
    await expect(absorb(block, randomRotation(block))).rejects.toThrow(InvarianceError);
  });

  it("should check nothing where told so", async () => {
    const block = new ToyBlock({ interleaved: true });
    expect(await absorb(block, randomRotation(block), { verify: false })).toEqual({
      invarianceError: undefined,
    });
  });

  it("should change nothing by the identity", async () => {
    const block = new ToyBlock();
    expect(await absorb(block, identityRotation(block))).toEqual({ invarianceError: 0 });
  });

  it("should leave nothing behind", async () => {
    const block = new ToyBlock({ biases: true });
    await block.capture();
    const { capabilities } = block.inputs.backend;
    const [first, second] = [randomRotation(block, 1), randomRotation(block, 2)];
    await absorb(block, first);
    first.R1.dispose();
    const before = capabilities.allocatedBytes();
    await absorb(block, second);
    expect(capabilities.allocatedBytes()).toBe(before);
  });
});

describe("rotations as arrays", () => {
  it("should come back as they were", async () => {
    const block = new ToyBlock({ dtype: "f32" });
    const rotation = randomRotation(block);
    const arrays = await rotationToArrays(rotation);
    expect(arrays.R2.shape).toEqual([2, 4, 4]);
    const back = await rotationFromArrays(arrays, block);
    expect(Array.from(await toNumbers(back.R1))).toEqual(Array.from(await toNumbers(rotation.R1)));
  });

  it("should say what is wrong with them", async () => {
    const block = new ToyBlock({ dtype: "f32" });
    const arrays = await rotationToArrays(randomRotation(block));
    const { R1, R2 } = arrays;
    const broken = (change: object) => rotationFromArrays({ ...arrays, ...change }, block);
    await expect(rotationFromArrays({ R1 }, block)).rejects.toThrow("toy.0: the rotation has no R2");
    await expect(broken({ R1: { shape: [16, 16], data: R1.data.slice(1) } })).rejects.toThrow(/255 values/);
    await expect(broken({ R1: { shape: [8, 32], data: R1.data } })).rejects.toThrow(/R1 is \[8, 32\]/);
    await expect(broken({ R2: { ...R2, data: R2.data.map((x) => 2 * x) } })).rejects.toThrow(RotationError);
    await expect(broken({ R2: { ...R2, data: R2.data.map(() => Number.NaN) } })).rejects.toThrow(
      /R2 holds NaN/,
    );
  });
});
