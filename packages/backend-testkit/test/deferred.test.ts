import { createCpuBackend, fromArray, type Kernels } from "@denoise-rotator/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deferredBackend, describeBackend } from "../src/index.js";

describeBackend(
  "deferred cpu",
  () => deferredBackend(createCpuBackend()),
  { describe, it, beforeAll, afterAll },
  { runs: 20 },
);

describe("a deferred backend", () => {
  it("should run nothing before a read, and tell what went wrong there", async () => {
    const inner = createCpuBackend();
    const broken: Kernels = {
      ...inner.kernels,
      unary: () => {
        throw new Error("lost on the way");
      },
    };
    const backend = deferredBackend({ ...inner, kernels: broken });
    const x = fromArray([1, 2, 3], [3], { backend });
    const y = x.exp();
    expect(backend.dispatches()).toBe(0);
    await expect(y.read()).rejects.toThrow("lost on the way");
    expect(Array.from(await x.read())).toEqual([1, 2, 3]);
    expect({ dispatches: backend.dispatches(), reads: backend.reads() }).toEqual({ dispatches: 1, reads: 2 });
    expect(() => y.readSync()).toThrow(/await read/);
  });
});
