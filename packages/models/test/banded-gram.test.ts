import { createCpuBackend, gram, Random, tidy } from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import { BandedGram } from "../src/banded-gram.js";
import { MatrixSum } from "../src/matrix-sum.js";

describe("a banded sum of Gram matrices", () => {
  it("should have the bits of whole ones, whatever the bands", () => {
    const backend = createCpuBackend();
    for (const [inputs, bandRows] of [
      [150, 64],
      [150, 37],
      [64, 64],
      [40, 100],
    ] as const) {
      const [whole, banded] = [new MatrixSum(), new BandedGram(bandRows)];
      for (const tokens of [90, 300, 1, 64]) {
        using rows = tidy(() => new Random(tokens).normal([tokens, inputs], { backend }));
        whole.add(() => gram(rows));
        banded.add(rows);
      }
      using expected = whole.take()!;
      using found = banded.take()!;
      expect(found.readSync()).toEqual(expected.readSync());
    }
    expect(new BandedGram().take()).toBeUndefined();
    expect(backend.capabilities.allocatedBytes()).toBe(0);
  });
});
