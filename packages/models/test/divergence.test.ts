import { createCpuBackend, toNumbers } from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import { type Activations, openModel } from "../src/index.js";
import { randomCheckpoint, randomWindows } from "./random-checkpoint.js";

describe("divergences", () => {
  it("should be the mean KL of the predictions, 0 of a stream to itself", async () => {
    const device = createCpuBackend();
    await using model = await openModel(await randomCheckpoint(), { device });
    const [first, second] = [randomWindows(2, 5), randomWindows(4, 5).slice(2)];
    const last = async (windows: Int32Array[]) => {
      let states: Activations | undefined;
      for await (const each of model.hiddenStates(windows)) states = each;
      return states!;
    };
    const logits = async (windows: Int32Array[]) => {
      using values = await model.logits(windows);
      return Array.from(await toNumbers(values));
    };
    const [p, q] = [await last(first), await last(second)];
    const [a, b] = [await logits(first), await logits(second)];
    const size = model.vocabularySize;
    const softmax = (row: number[]) => {
      const total = row.reduce((sum, x) => sum + Math.exp(x), 0);
      return row.map((x) => Math.exp(x) / total);
    };
    let expected = 0;
    for (let row = 0; row < a.length; row += size) {
      const [x, y] = [softmax(a.slice(row, row + size)), softmax(b.slice(row, row + size))];
      expected += x.reduce((sum, value, i) => sum + value * Math.log(value / y[i]!), 0);
    }
    const [same, other] = await model.divergences(p, [p, q]);
    expect(same).toBe(0);
    expect(other! / (expected / 10)).toBeCloseTo(1, 4);
    expect(device.capabilities.allocatedBytes()).toBe(0);
  });
});
