import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { conformanceCases, coreOpTable, describeBackend, gradientCases } from "../src/index.js";
import { createFusedCpu } from "./fused-reference.js";

describeBackend(
  "cpu with fused kernels",
  createFusedCpu,
  { describe, it, beforeAll, afterAll },
  { runs: 30, cases: gradientCases(coreOpTable) },
);

describe("fused cases", () => {
  it("should skip kernels a backend leaves out, with the reason", () => {
    const { softmax: _, ...kernels } = createFusedCpu().kernels;
    const backend = { ...createFusedCpu(), kernels };
    const one = conformanceCases().find(({ name }) => name === "fused softmax");
    expect(one?.skip(backend)).toBe("fused-cpu leaves softmax to core's composition");
  });
});
