import { validateBlock } from "@denoise-rotator/contracts";
import { createCpuBackend, OptionError, ShapeError, type Tensor, toNumbers } from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import { calibrate, type LlamaBlock, type Model, openModel } from "../src/index.js";
import { relativeError } from "./goldens.js";
import { randomCheckpoint, randomOrthogonal, randomWindows } from "./random-checkpoint.js";
import { absorbR1 } from "./rotate.js";

type Matrix = number[][];
const multiplyTransposed = (a: Matrix, b: Matrix) =>
  a.map((row) => b.map((other) => row.reduce((sum, value, i) => sum + value * other[i]!, 0)));
const addRows = (a: Matrix, b: Matrix) => a.map((row, i) => row.map((value, j) => value + b[i]![j]!));
const norm = (x: Matrix, gain: number[], eps: number) =>
  x.map((row) => {
    const scale = 1 / Math.sqrt(row.reduce((sum, v) => sum + v * v, 0) / row.length + eps);
    return row.map((value, j) => value * scale * gain[j]!);
  });
const gramOf = (x: Matrix): number[] => {
  const d = x[0]!.length;
  const sums = new Array<number>(d * d).fill(0);
  for (const row of x)
    for (let i = 0; i < d; i++)
      for (let j = 0; j < d; j++) sums[i * d + j] = sums[i * d + j]! + row[i]! * row[j]!;
  return sums;
};
const rows = async (x: Tensor) => (await x.toNested()) as Matrix;

/** Inputs of the four groups for every window, written out in f64 with attention as loops. */
async function directInputs(block: LlamaBlock, model: Model) {
  const { heads, inputs } = block;
  const { rmsNormEps: eps, ropeTheta } = model.config;
  const weights = new Map<string, { W: Matrix; b: number[] }>();
  for (const { role, weight, bias } of block.sites) {
    weights.set(role, { W: await rows(weight), b: bias ? [...Array.from(await toNumbers(bias))] : [] });
  }
  const linear = (x: Matrix, role: string) => {
    const { W, b } = weights.get(role)!;
    return multiplyTransposed(x, W).map((row) => row.map((value, j) => value + (b[j] ?? 0)));
  };
  const turn = (x: number[], position: number) => {
    const half = x.length / 2;
    return x.map((value, i) => {
      const angle = position * ropeTheta ** ((-2 * (i % half)) / x.length);
      const other = i < half ? -x[i + half]! : x[i - half]!;
      return value * Math.cos(angle) + other * Math.sin(angle);
    });
  };
  const attentionGain = [...Array.from(await toNumbers(block.attentionNorm))];
  const feedForwardGain = [...Array.from(await toNumbers(block.feedForwardNorm))];
  using turned = block.residualBasis?.transpose();
  const basis = turned && (await rows(turned));
  const groups: Matrix[] = [[], [], [], []];
  for (let w = 0; w < inputs!.count; w++) {
    const flat = [...inputs!.window(w)];
    const window = Array.from({ length: inputs!.length }, (_, t) =>
      flat.slice(t * inputs!.width, (t + 1) * inputs!.width),
    );
    const x = basis ? multiplyTransposed(window, basis) : window;
    const first = norm(x, attentionGain, eps);
    const [q, k, v] = [linear(first, "qProj"), linear(first, "kProj"), linear(first, "vProj")];
    const mixed = x.map((_, t) => {
      const out: number[] = [];
      for (let head = 0; head < heads.count; head++) {
        const shared = Math.floor((head * heads.keyValueCount) / heads.count);
        const part = (row: number[], h: number) => row.slice(h * heads.dim, (h + 1) * heads.dim);
        const query = turn(part(q[t]!, head), t);
        const scores = k.slice(0, t + 1).map((row, s) => {
          const key = turn(part(row, shared), s);
          return Math.exp(query.reduce((sum, value, i) => sum + value * key[i]!, 0) / Math.sqrt(heads.dim));
        });
        const total = scores.reduce((a, b) => a + b, 0);
        for (let i = 0; i < heads.dim; i++) {
          out.push(scores.reduce((sum, score, s) => sum + (score / total) * part(v[s]!, shared)[i]!, 0));
        }
      }
      return out;
    });
    const residual = addRows(x, linear(mixed, "oProj"));
    const second = norm(residual, feedForwardGain, eps);
    const [gate, up] = [linear(second, "gateProj"), linear(second, "upProj")];
    const gated = gate.map((row, t) => row.map((g, j) => (g / (1 + Math.exp(-g))) * up[t]![j]!));
    [first, mixed, second, gated].forEach((read, group) => {
      groups[group]!.push(...read);
    });
  }
  return groups;
}

async function expectStatistics(block: LlamaBlock, model: Model) {
  const expected = (await directInputs(block, model)).map(gramOf);
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
async function withBlock(body: (block: LlamaBlock, model: Model) => Promise<void>, activationBatch = 2) {
  const device = createCpuBackend();
  await using model = await openModel(await randomCheckpoint(), { device, activationBatch });
  for await (const block of calibrate(model, windows)) {
    await body(block, model);
    break;
  }
  expect(device.capabilities.allocatedBytes()).toBe(0);
}

describe("LlamaBlock", () => {
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
      const [, , second, gated] = (await directInputs(block, model)).map(gramOf);
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
