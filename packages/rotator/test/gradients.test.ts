import { type HeadLayout, parsePattern } from "@denoise-rotator/contracts";
import { createCpuBackend, item, Random, stack, type Tensor, valueAndGrad } from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import { directObjective, entropyObjective, identityRotation, rotationProblem } from "../src/index.js";
import { columnScales, importanceOf, randomOrthogonal } from "./importances.js";
import { matricesOf, plainDirect, plainEntropy } from "./plain-definition.js";
import { gqa, mha, ToyBlock } from "./toy-block.js";

const layouts: [string, HeadLayout][] = [
  ["GQA", gqa],
  ["MHA", mha],
];
const objectives = ["entropy", "2:4", "1:4", "2:4/2", "2:4/4", "0.5"];

function randomPoint(heads: HeadLayout, hidden: number): [Tensor, Tensor] {
  const random = new Random(7);
  const turn = (size: number) => randomOrthogonal(random.normal([3, size], { dtype: "f64" }));
  return [turn(hidden), stack(Array.from({ length: heads.keyValueCount }, () => turn(heads.dim)))];
}

const maxDifference = (a: Tensor, b: Tensor) => item(a.sub(b).abs().max());

describe("closed-form gradients", () => {
  for (const [name, heads] of layouts) {
    for (const scale of columnScales) {
      it.each(objectives)(
        `should equal autograd for %s, columns scaled by ${scale}, ${name}`,
        async (kind) => {
          const block = new ToyBlock({ heads });
          await block.capture();
          const problem = await rotationProblem(block, importanceOf(scale));
          const definition = { block, scale, matrices: await matricesOf(block, scale) };
          const [R1, R2] = randomPoint(heads, 16);
          const plain = valueAndGrad((a, b) =>
            kind === "entropy"
              ? plainEntropy(definition, a!, b!)
              : plainDirect(definition, parsePattern(kind), a!, b!),
          )(R1, R2);
          const objective =
            kind === "entropy" ? entropyObjective(problem) : directObjective(problem, parsePattern(kind));
          const { value, gradients } = await objective.evaluate([R1, R2]);
          expect(Math.abs(value / (await item(plain.value)) - 1)).toBeLessThan(1e-11);
          expect(await maxDifference(gradients[0]!, plain.grads[0]!)).toBeLessThan(1e-9);
          expect(await maxDifference(gradients[1]!, plain.grads[1]!)).toBeLessThan(1e-9);
        },
      );
    }
  }

  it("should leave no tensor behind but the gradients", async () => {
    const block = new ToyBlock({ backend: createCpuBackend() });
    await block.capture();
    const { R1, R2 } = identityRotation(block);
    const { capabilities } = block.inputs.backend;
    const before = capabilities.allocatedBytes();
    const problem = await rotationProblem(block, importanceOf("diagonal"));
    for (const objective of [entropyObjective(problem), directObjective(problem, parsePattern("2:4"))]) {
      const { gradients } = await objective.evaluate([R1, R2]);
      for (const gradient of gradients) gradient.dispose();
    }
    problem.dispose();
    expect(capabilities.allocatedBytes()).toBe(before);
  });
});
