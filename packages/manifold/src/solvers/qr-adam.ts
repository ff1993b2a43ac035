import { type Tensor, tidy, zeros } from "@denoise-rotator/core";
import { qr, qrPullback } from "@denoise-rotator/linalg";
import { disposeAll } from "../tensors.js";
import { checkSettings, descend, type Iteration } from "./descend.js";
import type { Solver } from "./solver.js";

export interface QrAdamOptions {
  /** Default 0.01. */
  readonly learningRate?: number;
  /** Joint norm to which the gradients of all parameters are clipped; default 1. */
  readonly clipNorm?: number;
}

/** The paper's number of steps. */
export const qrAdamSteps = 2000;

/**
 * The paper's recipe (arXiv 2505.23049): R = Q of qr(A) with diag(R) > 0, A starting at the start; Adam on A with betas
 * 0.9 and 0.999, ε 1e-8, gradients of all A clipped to joint norm 1; the best R seen is kept. The paper takes 2000 steps.
 */
export function qrAdam(defaults: QrAdamOptions = {}): Solver {
  const name = "qr-adam";
  return {
    name,
    async minimize(objective, start, options) {
      const learningRate = options.learningRate ?? defaults.learningRate ?? 0.01;
      checkSettings(name, options.steps, learningRate);
      return descend(objective, iterationFrom(start, learningRate, defaults.clipNorm ?? 1), options);
    },
  };
}

/** A parameter, its Adam moments, and its factors. */
interface Parameter {
  readonly A: Tensor;
  readonly m: Tensor;
  readonly v: Tensor;
  readonly Q: Tensor;
  readonly R: Tensor;
}

function iterationFrom(start: readonly Tensor[], learningRate: number, clipNorm: number): Iteration {
  let parameters: Parameter[] = start.map((A) => {
    const like = { dtype: A.dtype, backend: A.backend };
    return { A: A.alias(), m: zeros(A.shape, like), v: zeros(A.shape, like), ...qr(A) };
  });
  const dispose = () => {
    for (const parameter of parameters) disposeAll(Object.values(parameter) as Tensor[]);
  };
  return {
    get points() {
      return parameters.map(({ Q }) => Q);
    },
    advance(gradients, _, t) {
      const next = tidy(() => {
        const pulled = parameters.map(({ Q, R }, i) => qrPullback(Q, R, gradients[i]!)!);
        const norm = pulled
          .map((g) => g.square().sum())
          .reduce((a, b) => a.add(b))
          .sqrt();
        const scale = norm.add(1e-6).reciprocal().mul(clipNorm).minimum(1);
        return parameters.map((parameter, i) =>
          adamStep(parameter, pulled[i]!.mul(scale), learningRate, t + 1),
        );
      });
      dispose();
      parameters = next;
    },
    dispose,
  };
}

/** PyTorch's Adam: ε outside the root, bias-corrected. */
function adamStep({ A, m, v }: Parameter, g: Tensor, learningRate: number, count: number): Parameter {
  return tidy(() => {
    const first = m.mul(0.9).add(g.mul(0.1));
    const second = v.mul(0.999).add(g.square().mul(0.001));
    const scale = second
      .sqrt()
      .div(Math.sqrt(1 - 0.999 ** count))
      .add(1e-8);
    const moved = A.sub(first.mul(learningRate / (1 - 0.9 ** count)).div(scale));
    return { A: moved, m: first, v: second, ...qr(moved) };
  });
}
