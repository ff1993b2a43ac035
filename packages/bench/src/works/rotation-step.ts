import { createCpuBackend } from "@denoise-rotator/core";
import type { Dense, Work, WorkCheck } from "../contender.js";
import { download } from "../tensors.js";
import { type BlockShapeName, blockShapes } from "./block-shape.js";

import { randomBlock, unorthogonalityOf } from "./learning.js";
import { Distance } from "./products.js";
import { type StepperOptions, stepper } from "./rotation-learning.js";

/** One step of the default solver on the default objective of a block of random weights: two evaluations and a turn. */
export function rotationStep(name: BlockShapeName): Work {
  const { hidden, heads, keyValueHeads, headDim, intermediate } = blockShapes[name];
  return {
    name: `rotationStep-${name}`,
    kind: "rotationStep",
    sizes: [hidden, heads, keyValueHeads, headDim, intermediate],
    flops: 0,
    bytes: 0,
  };
}

/** Small enough that the step improves the objective and its result is not the start. */
const learningRate = 0.05;

export const rotationStepper = (
  inputs: readonly Dense[],
  sizes: readonly number[],
  options: StepperOptions,
) => stepper(inputs, sizes, { ...options, learningRate });

/**
 * Results: R1, R2. Error: the larger of their departure from orthogonality and ‖R − R₆₄‖_F / ‖R₆₄ − I‖_F, with R₆₄ what the cpu
 * backend makes of the step in f64. Where importances are nearly equal, rounding decides which of them a step attends to.
 */
export const rotationStepCheck: WorkCheck = {
  inputs: ({ sizes }) => randomBlock(sizes),
  async error({ sizes }, inputs, results) {
    const expected = await reference(inputs, sizes);
    const distance = new Distance();
    for (const [i, { shape, data }] of expected.entries()) {
      const n = shape.at(-1)!;
      const moved = (value: number, at: number) => value - ((at % (n * n)) % (n + 1) === 0 ? 1 : 0);
      distance.add(results[i]!.data.map(moved), data.map(moved));
    }
    return Math.max(distance.relative, unorthogonalityOf(results));
  },
  tolerance: 1e-3,
};

const references = new WeakMap<readonly Dense[], Promise<Dense[]>>();

/** Computed once for the inputs of a work, whoever is checked. */
function reference(inputs: readonly Dense[], sizes: readonly number[]): Promise<Dense[]> {
  const known = references.get(inputs) ?? compute();
  references.set(inputs, known);
  return known;

  async function compute(): Promise<Dense[]> {
    const options = { backend: createCpuBackend(), preset: "default", dtype: "f64" } as const;
    const { take, dispose } = await rotationStepper(inputs, sizes, options);
    const learned = await take(1);
    const results = await Promise.all([learned.R1, learned.R2].map(download));
    learned.dispose();
    dispose();
    return results;
  }
}
