import { type Tensor, tidy, zeros } from "@denoise-rotator/core";
import type { Manifold } from "./manifold.js";
import { disposeAll } from "./tensors.js";

/** Moves a point of one manifold against its Riemannian gradient; keeps state between steps. */
export interface ManifoldOptimizer {
  /**
   * The next point, for Riemannian gradient `g` at `x`, step count from 1. Disposes of nothing given. Not to be
   * called inside `tidy`, which would dispose of the state.
   */
  step(x: Tensor, g: Tensor, learningRate: number, count: number): Tensor;
  dispose(): void;
}

/** x ← retract(x, −lr·g). */
export const sgd = (on: Manifold): ManifoldOptimizer => ({
  step: (x, g, learningRate) => tidy(() => on.retract(x, g.mul(-learningRate))),
  dispose: () => {},
});

/**
 * Riemannian Adam (Bécigneul & Ganea 2019, arXiv 1810.00760): momentum is carried along, the second moment is one number for
 * what the manifold treats as one (each matrix; each element of a Euclidean space). β 0.9 and 0.999, ε 1e-8.
 */
export function adam(on: Manifold, like: Tensor): ManifoldOptimizer {
  const creation = { dtype: like.dtype, backend: like.backend };
  let m = zeros(like.shape, creation);
  let v = tidy(() => on.meanSquare(m).mul(0));
  return {
    step(x, g, learningRate, count) {
      const next = tidy(() => {
        const moment = m.mul(0.9).add(g.mul(0.1));
        const second = v.mul(0.999).add(on.meanSquare(g).mul(0.001));
        const scale = second
          .div(1 - 0.999 ** count)
          .sqrt()
          .add(1e-8);
        const y = on.retract(x, moment.mul(-learningRate / (1 - 0.9 ** count)).div(scale));
        return { y, m: on.transport(x, moment, y), v: second };
      });
      disposeAll([m, v]);
      ({ m, v } = next);
      return next.y;
    },
    dispose: () => disposeAll([m, v]),
  };
}
