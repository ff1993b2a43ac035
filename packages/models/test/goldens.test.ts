import { siteOf } from "@denoise-rotator/contracts";
import { createCpuBackend } from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import { calibrate, openModel } from "../src/index.js";
import { readGolden, relativeError } from "./goldens.js";

const llama = [
  ...["mha-untied", "gqa-tied", "rope-llama3", "rope-linear", "odd-heads"],
  ...["bias", "transformers5-config", "bf16", "f16", "sharded"],
].map((name) => `llama/${name}`);
const families = ["families/smollm2"];
for (const family of ["llama", "qwen2", "qwen3", "mistral"]) {
  for (const rope of ["default", "linear", "dynamic", "llama3", "yarn"])
    families.push(`families/${family}-${rope}`);
}

/** All that several windows hold, one after another. */
const joined = (parts: readonly Float32Array[]) => Float32Array.from(parts.flatMap((part) => [...part]));

describe.each([...llama, ...families])("golden %s", (name) => {
  it("should give the logits of transformers and leave nothing on the device", async () => {
    const { directory, windows, values } = await readGolden(name);
    const device = createCpuBackend();
    await using model = await openModel(directory, { device });
    const logits = await model.logits(windows);
    expect(relativeError(await logits.read(), values.logits!)).toBeLessThan(1e-4);
    logits.dispose();
    expect(device.capabilities.allocatedBytes()).toBe(0);
  });

  it("should give its hidden states block by block", async () => {
    const { directory, windows, values } = await readGolden(name);
    await using model = await openModel(directory, { device: createCpuBackend(), activationBatch: 1 });
    const states = async (each: { count: number; window(index: number): Float32Array }) =>
      joined(Array.from({ length: each.count }, (_, i) => each.window(i)));
    expect(relativeError(await states(await model.embedWindows(windows)), values.embeddings!)).toBe(0);
    let block = 0;
    for await (const activations of model.hiddenStates(windows)) {
      expect(relativeError(await states(activations), values[`block.${block++}`]!)).toBeLessThan(1e-4);
    }
    expect(block).toBe(2);
  });

  it("should give its log-likelihoods", async () => {
    const { directory, windows, values } = await readGolden(name);
    const device = createCpuBackend();
    await using model = await openModel(directory, { device });
    const found: Float32Array[] = [];
    for await (const window of model.logLikelihoods(windows)) found.push(window.map((value) => -value));
    expect(relativeError(joined(found), values.nll!)).toBeLessThan(1e-4);
    expect(device.capabilities.allocatedBytes()).toBe(0);
  });
});

describe.each(families)("statistics of golden %s", (name) => {
  it("should be the H of every site", async () => {
    const { directory, windows, values } = await readGolden(name);
    await using model = await openModel(directory, { device: createCpuBackend() });
    for await (const block of calibrate(model, windows)) {
      await block.capture();
      for (const role of ["qProj", "oProj", "gateProj", "downProj"] as const) {
        const expected = values[`block.${block.index}.${role}.gram`]!;
        const { gram } = siteOf(block, role).statistics!;
        expect(relativeError(await gram.read(), expected)).toBeLessThan(1e-4);
      }
    }
  });
});
