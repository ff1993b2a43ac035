import { tidy } from "@denoise-rotator/core";
import { checkPoint, type Manifold } from "./manifold.js";

/** All tensors of a shape. Random points are standard normal; adaptive steps are elementwise, as in plain Adam. */
export function euclidean(shape: readonly number[]): Manifold {
  const name = `euclidean(${shape.join(" × ")})`;
  const error: Manifold["error"] = (x) => tidy(() => x.mul(0).abs().sum());
  return {
    name,
    shape: [...shape],
    project: (_, g) => g.alias(),
    retract: (x, v) => x.add(v),
    transport: (_, v) => v.alias(),
    restore: (x) => x.alias(),
    random: (rng, creation) => rng.normal(shape, creation),
    error,
    meanSquare: (v) => v.square(),
    check: (x, tolerance) => checkPoint({ name, shape, error }, x, tolerance),
  };
}
