import { type Tensor, tidy, zeros } from "@denoise-rotator/core";
import { qr, qrPullback } from "@denoise-rotator/linalg";
import { checkSettings, descend } from "./descend.js";
import type { Rule } from "./rule.js";
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
  const { clipNorm = 1 } = defaults;
  return {
    name,
    defaultSteps: qrAdamSteps,
    async minimize(objective, start, options) {
      const learningRate = options.learningRate ?? defaults.learningRate ?? 0.01;
      checkSettings(name, options, learningRate);
      const settings = { learningRate, clipNorm };
      return descend(objective, qrAdamRule(settings), start, { solver: name, settings }, options);
    },
  };
}

/** A parameter A, its Adam moments, and its factors Q·R = A, of each point. */
type QrAdamTensors = Readonly<Record<"A" | "m" | "v" | "Q" | "R", readonly Tensor[]>>;
type Parameter = Readonly<Record<"A" | "m" | "v", Tensor>>;

const zerosLike = (x: Tensor) => zeros(x.shape, { dtype: x.dtype, backend: x.backend });

const withFactors = (parameters: readonly Parameter[]): QrAdamTensors => {
  const factors = parameters.map(({ A }) => qr(A));
  return {
    A: parameters.map(({ A }) => A),
    m: parameters.map(({ m }) => m),
    v: parameters.map(({ v }) => v),
    Q: factors.map(({ Q }) => Q),
    R: factors.map(({ R }) => R),
  };
};

const qrAdamRule = ({ learningRate, clipNorm }: Required<QrAdamOptions>): Rule<QrAdamTensors> => ({
  begin: (start) => withFactors(start.map((A) => ({ A: A.alias(), m: zerosLike(A), v: zerosLike(A) }))),
  points: ({ Q }) => Q,
  advance({ A, m, v, Q, R }, gradients, t) {
    const pulled = Q.map((factor, i) => qrPullback(factor, R[i]!, gradients[i]!)!);
    const norm = pulled
      .map((g) => g.square().sum())
      .reduce((a, b) => a.add(b))
      .sqrt();
    const scale = norm.add(1e-6).reciprocal().mul(clipNorm).minimum(1);
    return withFactors(
      A.map((parameter, i) =>
        adamStep({ A: parameter, m: m[i]!, v: v[i]! }, pulled[i]!.mul(scale), learningRate, t + 1),
      ),
    );
  },
});

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
    return { A: moved, m: first, v: second };
  });
}
