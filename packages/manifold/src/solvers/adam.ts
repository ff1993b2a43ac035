import { type Tensor, tidy, zeros } from "@denoise-rotator/core";
import { bodyGradient, turn } from "./body-frame.js";
import { checkSettings, descend } from "./descend.js";
import { annealed, type Rule } from "./rule.js";
import type { Solver } from "./solver.js";

export interface BodyAdamOptions {
  /** About the size of a step's entries; default 0.01. */
  readonly learningRate?: number;
}

/** Steps that suit the default learning rate. */
export const bodyAdamSteps = 200;

/**
 * Adam in the Lie algebra: moments of the entries of skew(RᵀG), which stay comparable as R turns, and R ← R·cayley(−s·D)
 * with D = m̂/(√v̂ + ε), s = lr·max(0.01, 1 − t/steps); betas 0.9 and 0.999, ε 1e-12. Re-orthogonalised by QR every 20 steps.
 */
export function bodyAdam(defaults: BodyAdamOptions = {}): Solver {
  const name = "adam";
  return {
    name,
    defaultSteps: bodyAdamSteps,
    async minimize(objective, start, options) {
      const learningRate = options.learningRate ?? defaults.learningRate ?? 0.01;
      checkSettings(name, options, learningRate);
      const rule = adamRule(annealed(learningRate, options.steps));
      return descend(objective, rule, start, { solver: name, settings: { learningRate } }, options);
    },
  };
}

type AdamTensors = Readonly<Record<"R" | "m" | "v", readonly Tensor[]>>;

const zerosLike = (x: Tensor) => zeros(x.shape, { dtype: x.dtype, backend: x.backend });

const adamRule = (size: (t: number) => number): Rule<AdamTensors> => ({
  begin: (start) => ({
    R: start.map((R) => R.alias()),
    m: start.map(zerosLike),
    v: start.map(zerosLike),
  }),
  points: ({ R }) => R,
  advance({ R, m, v }, gradients, t) {
    const next = R.map((point, i) =>
      tidy(() => {
        const g = bodyGradient(point, gradients[i]!);
        const first = m[i]!.mul(0.9).add(g.mul(0.1));
        const second = v[i]!.mul(0.999).add(g.square().mul(0.001));
        const scale = second
          .div(1 - 0.999 ** (t + 1))
          .sqrt()
          .add(1e-12);
        const D = first.div(1 - 0.9 ** (t + 1)).div(scale);
        return { R: turn(point, D, size(t), t), m: first, v: second };
      }),
    );
    return {
      R: next.map((each) => each.R),
      m: next.map((each) => each.m),
      v: next.map((each) => each.v),
    };
  },
});
