import { createCpuBackend, ones } from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import { StageClock } from "../src/pipeline/stage-clock.js";

describe("StageClock", () => {
  it("should count what is measured inside a stage there, and nothing twice", async () => {
    const clock = new StageClock();
    const backend = createCpuBackend();
    const multiply = async (size: number) => {
      using a = ones([size, size], { backend });
      a.matmul(a).dispose();
    };
    await clock.measure("prune", async () => {
      await multiply(2);
      await clock.measure("refine", () => multiply(4));
      await clock.measure("refine", () => multiply(4));
      await multiply(2);
    });
    await expect(
      clock.measure("prune", () => clock.measure("refine", () => Promise.reject(new Error("stop")))),
    ).rejects.toThrow("stop");
    await clock.measure("write", () => multiply(1));
    const flops = Object.fromEntries(
      Object.entries(clock.toJSON()).map(([stage, cost]) => [stage, cost.flops]),
    );
    expect(flops).toEqual({ refine: 2 * 2 * 64, prune: 2 * 2 * 8, write: 2 });
  });

  it("should tell the processor's time from the time that passes", async () => {
    const clock = new StageClock();
    await clock.measure("wait", () => new Promise((resolve) => setTimeout(resolve, 200)));
    await clock.measure("work", async () => {
      const start = process.cpuUsage();
      for (let used = 0; used < 100_000; ) used = process.cpuUsage(start).user;
    });
    const { wait, work } = clock.toJSON();
    expect(wait!.seconds).toBeGreaterThan(0.19);
    expect(wait!.cpuSeconds).toBeLessThan(wait!.seconds);
    expect(work!.cpuSeconds).toBeGreaterThanOrEqual(0.1);
  });
});
