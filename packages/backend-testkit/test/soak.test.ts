import { createCpuBackend } from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import { type SoakSample, soak } from "../src/index.js";

describe("soak", () => {
  it("should run what it is asked for and sample it twenty times", async () => {
    const samples: SoakSample[] = [];
    const last = await soak(createCpuBackend(), {
      dispatches: 800,
      onSample: (sample) => samples.push(sample),
    });
    expect(last).toEqual({ dispatches: 800, reads: 200, allocatedBytes: 0 });
    expect(samples).toHaveLength(20);
    expect(samples.at(-1)).toEqual(last);
  });

  it("should notice a wrong value and memory that stays", async () => {
    const inner = createCpuBackend();
    let calls = 0;
    const wrong = {
      ...inner.kernels,
      reduce: (...args: Parameters<typeof inner.kernels.reduce>) =>
        ++calls === 7 ? undefined : inner.kernels.reduce(...args),
    };
    await expect(soak({ ...inner, kernels: wrong }, { dispatches: 400 })).rejects.toThrow(/is 0, expected/);
    const leaky = createCpuBackend();
    let frees = 0;
    const free: typeof leaky.free = (buffer) => (++frees === 40 ? undefined : leaky.free(buffer));
    await expect(soak({ ...leaky, free }, { dispatches: 400 })).rejects.toThrow(/stay allocated after round/);
  });
});
