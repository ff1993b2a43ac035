import { type Tensor, tidy, zeros } from "@denoise-rotator/core";
import { cayley, newtonSchulz5, qr, skewPart } from "@denoise-rotator/linalg";
import { disposeAll } from "../tensors.js";
import { checkSettings, descend, type Iteration } from "./descend.js";
import type { Solver } from "./solver.js";

export interface MuonOptions {
  /** Default 0.1 (60 steps); 0.2 suits 25 steps. */
  readonly learningRate?: number;
  /** Default 0.8. */
  readonly momentum?: number;
  /** Quintic Newton–Schulz steps that orthogonalise the direction; default 6. */
  readonly newtonSchulzSteps?: number;
}

/** Steps that suit the default learning rate. */
export const muonSteps = 60;

const reorthogonaliseEvery = 20;

/**
 * Large annealed steps along orthogonalised momentum, in the body frame: m ← 0.8·m + 0.2·skew(RᵀG), R ← R·cayley(−s·D),
 * s = lr·max(0.01, 1 − t/steps). For a matrix `[n, n]` D is the skew part of Newton–Schulz's quintic of m (Muon, Jordan et
 * al. 2024); for a stack `[b, n, n]` √n·m/‖m‖_F of each matrix. Re-orthogonalised by QR every 20 steps. The best is kept.
 */
export function muon(defaults: MuonOptions = {}): Solver {
  const name = "muon";
  return {
    name,
    async minimize(objective, start, options) {
      const learningRate = options.learningRate ?? defaults.learningRate ?? 0.1;
      checkSettings(name, options.steps, learningRate);
      const { momentum = 0.8, newtonSchulzSteps = 6 } = defaults;
      const size = (t: number) => learningRate * Math.max(0.01, 1 - t / options.steps);
      return descend(objective, iterationFrom(start, { size, momentum, newtonSchulzSteps }), options);
    },
  };
}

interface Settings {
  readonly size: (t: number) => number;
  readonly momentum: number;
  readonly newtonSchulzSteps: number;
}

function iterationFrom(start: readonly Tensor[], { size, momentum, newtonSchulzSteps }: Settings): Iteration {
  let states = start.map((R) => ({
    R: R.alias(),
    m: zeros(R.shape, { dtype: R.dtype, backend: R.backend }),
  }));
  const dispose = () => {
    for (const { R, m } of states) disposeAll([R, m]);
  };
  return {
    get points() {
      return states.map(({ R }) => R);
    },
    advance(gradients, _, t) {
      const next = tidy(() =>
        states.map(({ R, m }, i) => {
          const body = skewPart(R.transpose().matmul(gradients[i]!));
          const moment = m.mul(momentum).add(body.mul(1 - momentum));
          const D =
            R.rank === 2 ? skewPart(newtonSchulz5(moment, newtonSchulzSteps)) : orthogonalLength(moment);
          const turned = R.matmul(cayley(D.mul(-size(t))));
          return { R: (t + 1) % reorthogonaliseEvery === 0 ? qr(turned).Q : turned, m: moment };
        }),
      );
      dispose();
      states = next;
    },
    dispose,
  };
}

/** √n·m/‖m‖_F of each matrix: as long as an orthogonal matrix. */
const orthogonalLength = (m: Tensor): Tensor => {
  const norm = m
    .square()
    .sum({ axis: [-2, -1], keepDims: true })
    .sqrt();
  return m.mul(Math.sqrt(m.shape.at(-1)!)).div(norm.add(1e-12));
};
