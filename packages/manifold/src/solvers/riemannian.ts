import { OptionError, type Tensor, tidy, zeros } from "@denoise-rotator/core";
import type { Manifold } from "../manifold.js";
import { orthogonal } from "../orthogonal.js";
import { checkSettings, descend } from "./descend.js";
import type { Rule } from "./rule.js";
import type { Solver } from "./solver.js";

/** Steps between two restorations of points that rounding has driven off their manifold. */
const restoreEvery = 20;

export interface RiemannianSgdOptions {
  /** Default 0.1. */
  readonly learningRate?: number;
  /** Default 0: plain gradient descent. */
  readonly momentum?: number;
}

export interface RiemannianAdamOptions {
  /** Default 0.05: about the root mean square of a step's entries. */
  readonly learningRate?: number;
}

export const sgdLearningRate = 0.1;
export const adamLearningRate = 0.05;

type SgdTensors = Readonly<Record<"x" | "m", readonly Tensor[]>>;

/** m ← μ·m + grad, x ← retract(x, −lr·m), m carried along; one manifold for each point. */
export function sgdRule(
  factors: readonly Manifold[],
  { learningRate, momentum }: Required<RiemannianSgdOptions>,
): Rule<SgdTensors> {
  if (!(momentum >= 0 && momentum < 1)) throw new OptionError(`sgd: momentum ${momentum} is not in [0, 1)`);
  return {
    begin: (start) => ({ x: start.map((x) => x.alias()), m: start.map(zerosLike) }),
    points: ({ x }) => x,
    advance({ x, m }, gradients, t) {
      const next = factors.map((on, i) =>
        tidy(() => {
          const moment = m[i]!.mul(momentum).add(on.project(x[i]!, gradients[i]!));
          const y = on.retract(x[i]!, moment.mul(-learningRate));
          return { x: restored(on, y, t), m: on.transport(x[i]!, moment, y) };
        }),
      );
      return { x: next.map((each) => each.x), m: next.map((each) => each.m) };
    },
  };
}

type AdamTensors = Readonly<Record<"x" | "m" | "v", readonly Tensor[]>>;

/**
 * Riemannian Adam (Bécigneul & Ganea 2019, arXiv 1810.00760): momentum is carried along, the second moment is one number for
 * what the manifold treats as one (each matrix; each element of a Euclidean space). β 0.9 and 0.999, ε 1e-8.
 */
export const adamRule = (
  factors: readonly Manifold[],
  { learningRate }: Required<RiemannianAdamOptions>,
): Rule<AdamTensors> => ({
  begin: (start) => ({
    x: start.map((x) => x.alias()),
    m: start.map(zerosLike),
    v: factors.map((on, i) => tidy(() => on.meanSquare(zerosLike(start[i]!)).mul(0))),
  }),
  points: ({ x }) => x,
  advance({ x, m, v }, gradients, t) {
    const next = factors.map((on, i) =>
      tidy(() => {
        const g = on.project(x[i]!, gradients[i]!);
        const moment = m[i]!.mul(0.9).add(g.mul(0.1));
        const second = v[i]!.mul(0.999).add(on.meanSquare(g).mul(0.001));
        const scale = second
          .div(1 - 0.999 ** (t + 1))
          .sqrt()
          .add(1e-8);
        const y = on.retract(x[i]!, moment.mul(-learningRate / (1 - 0.9 ** (t + 1))).div(scale));
        return { x: restored(on, y, t), m: on.transport(x[i]!, moment, y), v: second };
      }),
    );
    return {
      x: next.map((each) => each.x),
      m: next.map((each) => each.m),
      v: next.map((each) => each.v),
    };
  },
});

const zerosLike = (x: Tensor) => zeros(x.shape, { dtype: x.dtype, backend: x.backend });
const restored = (on: Manifold, x: Tensor, t: number) => ((t + 1) % restoreEvery === 0 ? on.restore(x) : x);

/** The manifold of each point of an orthogonal objective: matrices `[n, n]` and stacks `[b, n, n]`. */
const orthogonalFactors = (points: readonly Tensor[]): Manifold[] =>
  points.map(({ rank, shape }) =>
    rank === 2 ? orthogonal(shape[0]!) : orthogonal(shape[1]!, { batch: shape[0]! }),
  );

/** Riemannian gradient descent with momentum as a solver; constant step. */
export function riemannianSgd(defaults: RiemannianSgdOptions = {}): Solver {
  const name = "riemannian-sgd";
  const { momentum = 0 } = defaults;
  return {
    name,
    defaultSteps: 100,
    async minimize(objective, start, options) {
      const learningRate = options.learningRate ?? defaults.learningRate ?? sgdLearningRate;
      checkSettings(name, options, learningRate);
      const settings = { learningRate, momentum };
      const rule = sgdRule(orthogonalFactors(start), settings);
      return descend(objective, rule, start, { solver: name, settings }, options);
    },
  };
}

/** Riemannian Adam as a solver; constant step. */
export function riemannianAdam(defaults: RiemannianAdamOptions = {}): Solver {
  const name = "riemannian-adam";
  return {
    name,
    defaultSteps: 100,
    async minimize(objective, start, options) {
      const learningRate = options.learningRate ?? defaults.learningRate ?? adamLearningRate;
      checkSettings(name, options, learningRate);
      const rule = adamRule(orthogonalFactors(start), { learningRate });
      return descend(objective, rule, start, { solver: name, settings: { learningRate } }, options);
    },
  };
}
