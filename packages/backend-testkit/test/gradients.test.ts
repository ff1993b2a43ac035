import { coreOps, cpu, defineOp, type Tensor } from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import { coreOpTable, gradientCases, missingRows } from "../src/index.js";

/** x ↦ 3·x by way of an op with the given gradient. */
const tripled = (vjp: (g: Tensor) => Tensor) => {
  const op = defineOp({ name: "tripled", forward: ([x]) => x!.mul(3), vjp: ([g]) => [vjp(g!)] });
  return { name: "tripled", inputs: [{ shape: [2, 3] }], apply: (x: Tensor) => op.apply([x], undefined) };
};

describe("gradientCases", () => {
  it("should have a row for every op of core", () => {
    expect(missingRows(coreOpTable, coreOps)).toEqual([]);
  });

  it("should name an op that has no row", () => {
    const table = coreOpTable.filter(({ name }) => name !== "take");
    expect(missingRows(table, coreOps)).toEqual(["take"]);
  });

  it("should accept a right gradient", async () => {
    await gradientCases([tripled((g) => g.mul(3))])[0]!.run(cpu);
  });

  it("should catch a wrong gradient", async () => {
    const [one] = gradientCases([tripled((g) => g.mul(2))]);
    await expect(one!.run(cpu)).rejects.toThrow("tripled: the gradient along a random direction");
  });

  it("should catch a gradient whose own derivative is wrong", async () => {
    const op = defineOp({
      name: "cubed",
      forward: ([x]) => x!.square().mul(x!),
      // Right to look at, but made of values that have lost their history.
      vjp: ([g], { inputs: [x] }) => [g!.mul(detached(x!).square().mul(3))],
    });
    const row = { name: "cubed", inputs: [{ shape: [4] }], apply: (x: Tensor) => op.apply([x], undefined) };
    await expect(gradientCases([row])[0]!.run(cpu)).rejects.toThrow("cubed: the second derivative");
  });
});

const detachOp = defineOp({ name: "detach", forward: ([x]) => x!.mul(1) });
const detached = (x: Tensor): Tensor => detachOp.apply([x], undefined);
