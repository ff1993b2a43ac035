import { OptionError, type Tensor, tidy, zeros } from "@denoise-rotator/core";
import { bodyGradient, orthogonalised, turn } from "./body-frame.js";
import { checkSettings, descend } from "./descend.js";
import { annealed, type Rule } from "./rule.js";
import type { Solver } from "./solver.js";

export interface MuonOptions {
  /** The first step's angle in radians, the direction's singular values being about 1. Default 0.3. */
  readonly learningRate?: number;
  /** Default 0.8. */
  readonly momentum?: number;
  /** Quintic Newton–Schulz steps that orthogonalise the direction; default 3. */
  readonly newtonSchulzSteps?: number;
}

/** Steps that suit the default learning rate. */
export const muonSteps = 60;

/**
 * Large annealed steps along orthogonalised momentum, in the body frame: m ← 0.8·m + 0.2·skew(RᵀG), R ← R·cayley(−s·D),
 * s = lr·max(0.01, 1 − t/steps), D the skew part of Newton–Schulz's quintic of m (Muon, Jordan et al. 2024), matrix by matrix in
 * a stack. Re-orthogonalised by QR every 20 steps. The best is kept.
 */
export function muon(defaults: MuonOptions = {}): Solver {
  const name = "muon";
  const { momentum = 0.8, newtonSchulzSteps = 3 } = defaults;
  return {
    name,
    defaultSteps: muonSteps,
    async minimize(objective, start, options) {
      const learningRate = options.learningRate ?? defaults.learningRate ?? 0.3;
      checkSettings(name, options, learningRate);
      if (!(momentum >= 0 && momentum < 1))
        throw new OptionError(`muon: momentum ${momentum} is not in [0, 1)`);
      if (!Number.isInteger(newtonSchulzSteps) || newtonSchulzSteps < 0) {
        throw new OptionError(`muon: Newton–Schulz steps ${newtonSchulzSteps} is not an integer ≥ 0`);
      }
      const rule = muonRule({
        size: annealed(learningRate, options.steps),
        momentum,
        newtonSchulzSteps,
      });
      const settings = { learningRate, momentum, newtonSchulzSteps };
      return descend(objective, rule, start, { solver: name, settings }, options);
    },
  };
}

interface Settings {
  readonly size: (t: number) => number;
  readonly momentum: number;
  readonly newtonSchulzSteps: number;
}

type MuonTensors = Readonly<Record<"R" | "m", readonly Tensor[]>>;

const muonRule = ({ size, momentum, newtonSchulzSteps }: Settings): Rule<MuonTensors> => ({
  begin: (start) => ({
    R: start.map((R) => R.alias()),
    m: start.map((R) => zeros(R.shape, { dtype: R.dtype, backend: R.backend })),
  }),
  points: ({ R }) => R,
  advance({ R, m }, gradients, t) {
    const next = R.map((point, i) =>
      tidy(() => {
        const moment = m[i]!.mul(momentum).add(bodyGradient(point, gradients[i]!).mul(1 - momentum));
        const D = orthogonalised(moment, newtonSchulzSteps);
        return { R: turn(point, D, size(t), t), m: moment };
      }),
    );
    return { R: next.map((each) => each.R), m: next.map((each) => each.m) };
  },
});
