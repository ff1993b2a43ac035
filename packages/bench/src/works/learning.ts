import { siteRoles } from "@denoise-rotator/contracts";
import type { Dense, Work, WorkCheck } from "../contender.js";
import {
  type BlockShapeName,
  blockShapes,
  shapeOfSizes,
  statisticsRoles,
  weightShapes,
} from "./block-shape.js";
import { unorthogonality } from "./factorisations.js";
import { uniform } from "./random.js";

const sizesOf = (name: BlockShapeName, steps: number) => {
  const { hidden, heads, keyValueHeads, headDim, intermediate } = blockShapes[name];
  return [hidden, heads, keyValueHeads, headDim, intermediate, steps];
};

/**
 * Learning the rotations of a block: ours from start to end; the paper's recipe, ours or PyTorch's, for so many steps.
 */
export const learning = (name: BlockShapeName, paperSteps: number): Work => ({
  name: `learning-${name}`,
  kind: "learning",
  sizes: sizesOf(name, paperSteps),
  flops: 0,
  bytes: 0,
});

/** So many steps of everybody's solver, from a problem that is there. */
export const learningSteps = (name: BlockShapeName, steps: number): Work => ({
  name: `${steps}-steps-${name}`,
  kind: "learningSteps",
  sizes: sizesOf(name, steps),
  flops: 0,
  bytes: 0,
});

/**
 * Weights in the order of `siteRoles`, then H of those in `statisticsRoles`. Results are R1, R2 and the numbers named in
 * `details`; the error is their departure from orthogonality, relative.
 */
export const learningCheck: WorkCheck = {
  inputs: ({ sizes }) => randomBlock(sizes),
  error: (_, __, rotations) => unorthogonalityOf(rotations),
  tolerance: 1e-4,
  details([, , numbers]) {
    const [steps, objective, gflops, paperGflops] = numbers!.data as unknown as [
      number,
      number,
      number,
      number,
    ];
    return { steps, objective, gflops, paperGflops };
  },
};

/** Of R1 `[hidden, hidden]` and R2 `[heads, dim, dim]`, the largest. */
export function unorthogonalityOf([R1, R2]: readonly Dense[]): number {
  const [count, dim] = R2!.shape as [number, number];
  const heads = Array.from({ length: count }, (_, i) => ({
    shape: [dim, dim],
    data: R2!.data.subarray(i * dim * dim, (i + 1) * dim * dim),
  }));
  return Math.max(...[R1!, ...heads].map(unorthogonality));
}

/** Random weights in the order of `siteRoles`, then H of correlated inputs for those in `statisticsRoles`. */
export function randomBlock(sizes: readonly number[]): Dense[] {
  const shape = shapeOfSizes(sizes);
  const weights = weightShapes(shape).map((each, i) => uniform(each, i + 1));
  const inputsOf = weightShapes(shape);
  const grams = statisticsRoles.map((role, i) =>
    correlatedGram(inputsOf[siteRoles.indexOf(role)]![1], i + 20),
  );
  return [...weights, ...grams];
}

/** H of inputs whose energy falls off over directions as activations' does: X·Xᵀ with X = D·B·noise, cheap to make. */
function correlatedGram(n: number, seed: number): Dense {
  const rank = 48;
  const basis = uniform([n, rank], seed);
  const data = new Float32Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = i === j ? 0.02 * (1 + (i % 7)) : 0;
      for (let r = 0; r < rank; r++) sum += (basis.data[i * rank + r]! * basis.data[j * rank + r]!) / (r + 1);
      data[i * n + j] = data[j * n + i] = 1000 * sum;
    }
  }
  return { shape: [n, n], data };
}
