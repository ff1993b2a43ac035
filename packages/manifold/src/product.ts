import type { CreationOptions, Random, Tensor } from "@denoise-rotator/core";
import type { Manifold } from "./manifold.js";

/** Tuples of points, one of each factor; what {@link Manifold} does, factor by factor. */
export interface ProductManifold {
  readonly name: string;
  readonly factors: readonly Manifold[];
  project(x: readonly Tensor[], g: readonly Tensor[]): Tensor[];
  retract(x: readonly Tensor[], v: readonly Tensor[]): Tensor[];
  transport(x: readonly Tensor[], v: readonly Tensor[], y: readonly Tensor[]): Tensor[];
  restore(x: readonly Tensor[]): Tensor[];
  random(rng: Random, options?: CreationOptions): Tensor[];
  error(x: readonly Tensor[]): Tensor[];
  check(x: readonly Tensor[], tolerance?: number): Promise<void>;
}

/** The product of manifolds: what several points are learned on together. */
export function product(...factors: readonly Manifold[]): ProductManifold {
  const each = <T>(call: (factor: Manifold, i: number) => T): T[] => factors.map(call);
  return {
    name: factors.map(({ name }) => name).join(" × "),
    factors,
    project: (x, g) => each((factor, i) => factor.project(x[i]!, g[i]!)),
    retract: (x, v) => each((factor, i) => factor.retract(x[i]!, v[i]!)),
    transport: (x, v, y) => each((factor, i) => factor.transport(x[i]!, v[i]!, y[i]!)),
    restore: (x) => each((factor, i) => factor.restore(x[i]!)),
    random: (rng, options) => each((factor) => factor.random(rng, options)),
    error: (x) => each((factor, i) => factor.error(x[i]!)),
    check: async (x, tolerance) => {
      for (const [i, factor] of factors.entries()) await factor.check(x[i]!, tolerance);
    },
  };
}
