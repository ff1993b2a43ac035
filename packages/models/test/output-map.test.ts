import { join } from "node:path";
import type { InputDrift } from "@denoise-rotator/contracts";
import {
  createCpuBackend,
  eye,
  OptionError,
  ones,
  Random,
  rmsNorm,
  ShapeError,
  type Tensor,
  tidy,
  toNumbers,
} from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import { calibrate, type LoadedBlock, type Model, openModel } from "../src/index.js";
import { loadTensor } from "../src/weight-source.js";
import { relativeError } from "./goldens.js";
import { randomCheckpoint, randomOrthogonal, randomWindows, temporaryFolder } from "./random-checkpoint.js";
import { absorbR1 } from "./rotate.js";

const windows = randomWindows(3, 8);

/** I plus something small and not orthogonal. */
function nearIdentity({ hiddenSize: size, device: backend }: LoadedBlock, seed: number): Tensor {
  return tidy(() => eye(size, { backend }).add(new Random(seed).normal([size, size], { backend }).mul(0.1)));
}

/** Outputs of a block's calibration inputs, normalised, `[tokens, hidden]`. */
function normalisedOutputs(block: LoadedBlock, model: Model): Tensor {
  const { inputs, hiddenSize, device: backend } = block;
  using x = inputs!.uploadWindows(backend);
  using y = block.forward(x);
  return tidy(() => {
    const rows = y.reshape([inputs!.tokens, hiddenSize]);
    return rmsNorm(rows, ones([hiddenSize], { backend }), model.config.rmsNormEps);
  });
}

/** Logits with the last block's map between norm and head. */
async function logitsThrough(block: LoadedBlock, model: Model): Promise<ArrayLike<number>> {
  const { family, config } = model;
  using gain = await loadTensor(model, family.finalNorm);
  using head = await loadTensor(model, config.tieWordEmbeddings ? family.embedding : family.head);
  using y = normalisedOutputs(block, model);
  using logits = tidy(() => y.matmul(block.outputMap!.transpose()).mul(gain).matmul(head.transpose()));
  return toNumbers(logits);
}

describe("output maps", () => {
  it.each([true, false])(
    "should be saved and loaded as they act in memory; embeddings tied: %s",
    async (tied) => {
      const device = createCpuBackend();
      const out = join(await temporaryFolder(), "out");
      const directory = await randomCheckpoint({ differs: { tie_word_embeddings: tied } });
      await using model = await openModel(directory, { device });
      let expected: ArrayLike<number> = [];
      for await (const block of calibrate(model, windows, { out, rotated: true })) {
        if (block.index !== 1) await absorbR1(block, randomOrthogonal(block.hiddenSize, block.index, device));
        block.setOutputMap(nearIdentity(block, block.index));
        if (block.isLast) expected = await logitsThrough(block, model);
      }
      await using written = await openModel(out, { device });
      {
        using logits = await written.logits(windows);
        expect(relativeError(await toNumbers(logits), expected)).toBeLessThan(1e-5);
        using dense = await model.logits(windows);
        expect(relativeError(await toNumbers(dense), expected)).toBeGreaterThan(0.01);
      }
      expect(device.capabilities.allocatedBytes()).toBe(0);
    },
  );

  it("should come with statistics of the outputs before the map, normalised after the last block", async () => {
    const device = createCpuBackend();
    await using model = await openModel(await randomCheckpoint(), { device, activationBatch: 2 });
    for await (const block of calibrate(model, windows, { dense: true, rotated: true })) {
      await absorbR1(block, randomOrthogonal(block.hiddenSize, block.index, device));
      block.trackDense();
      const outputs = async (): Promise<Tensor> =>
        block.isLast ? normalisedOutputs(block, model) : block.sampleOutputs();
      using dense = await outputs();
      for (const site of block.sites) site.setWeight(site.weight.mul(0.8));
      using present = await outputs();
      block.setOutputMap(nearIdentity(block, block.index));
      const { gram, drift: found, tokens } = await block.captureOutputs();
      const drift = found as InputDrift;
      expect(tokens).toBe(24);
      using expected = tidy(() => present.transpose().matmul(present));
      expect(relativeError(await toNumbers(gram), await toNumbers(expected))).toBeLessThan(1e-5);
      // The dense stream of a later block starts from other inputs than this block's.
      if (block.index === 0) {
        using moved = tidy(() => dense.sub(present).transpose().matmul(present));
        expect(relativeError(await toNumbers(drift.inputs), await toNumbers(moved))).toBeLessThan(1e-4);
      }
      expect(drift.residual).toBeUndefined();
      gram.dispose();
      drift.inputs.dispose();
    }
    expect(device.capabilities.allocatedBytes()).toBe(0);
  });

  it("should need changes of basis in the output, and the right shape", async () => {
    const device = createCpuBackend();
    const out = join(await temporaryFolder(), "out");
    await using model = await openModel(await randomCheckpoint(), { device });
    const run = async () => {
      for await (const block of calibrate(model, windows, { out })) {
        using wrong = eye(3, { backend: device });
        expect(() => block.setOutputMap(wrong)).toThrow(ShapeError);
        block.setOutputMap(nearIdentity(block, 1));
      }
    };
    await expect(run()).rejects.toThrow(OptionError);
    await expect(run()).rejects.toThrow("rotated: true");
    expect(device.capabilities.allocatedBytes()).toBe(0);
  });
});
