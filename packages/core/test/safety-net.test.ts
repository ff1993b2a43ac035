import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { createCpuBackend, fromArray, reclaimedTensors, type Tensor } from "../src/index.js";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;
const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

async function collect(until: () => boolean): Promise<void> {
  for (let round = 0; round < 20 && !until(); round++) {
    collectGarbage();
    await turn();
  }
}

describe("the safety net", () => {
  it.each([3, 200])(
    "should free %i tensors that were dropped without dispose, and count them",
    async (count) => {
      const backend = createCpuBackend();
      const before = reclaimedTensors();
      const kept: Tensor[] = [];
      (() => {
        for (let i = 0; i < count; i++) {
          const one = fromArray([1, 2, 3], [3], { backend });
          if (i % 3 === 1) one.dispose();
          if (i % 3 === 2) kept.push(one);
        }
      })();
      await turn();
      await collect(() => reclaimedTensors() - before >= Math.ceil(count / 3));
      expect(reclaimedTensors() - before).toBe(Math.ceil(count / 3));
      for (const one of kept) one.dispose();
      expect(backend.capabilities.allocatedBytes()).toBe(0);
      await collect(() => false);
      expect(reclaimedTensors() - before).toBe(Math.ceil(count / 3));
    },
  );
});
