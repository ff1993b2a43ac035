import type { CreationOptions } from "@denoise-rotator/core";
import {
  formatShape,
  item,
  OptionError,
  type Random,
  ShapeError,
  sameShape,
  type Tensor,
} from "@denoise-rotator/core";

/**
 * A smooth set of tensors of one shape with the metric Σ a·b of the surrounding space. Everything but `check` is
 * synchronous; the caller disposes of what is returned.
 */
export interface Manifold {
  readonly name: string;
  readonly shape: readonly number[];
  /** The tangent vector at `x` nearest to `g`: the Riemannian gradient of a Euclidean one. */
  project(x: Tensor, g: Tensor): Tensor;
  /** A point from `x` along tangent `v`: x + v + O(‖v‖²). */
  retract(x: Tensor, v: Tensor): Tensor;
  /** Tangent `v` at `x` carried to a tangent at `y`. */
  transport(x: Tensor, v: Tensor, y: Tensor): Tensor;
  /** The point near `x`, which rounding has driven off; cheap, done now and then. */
  restore(x: Tensor): Tensor;
  /** A random point, uniform where that makes sense. */
  random(rng: Random, options?: CreationOptions): Tensor;
  /** How far `x` is from fulfilling the constraint, largest element, shape `[]`; NaN for NaN. */
  error(x: Tensor): Tensor;
  /** Mean square of the entries of `v`, of what an adaptive step is scaled by as one; broadcasts against `v`. */
  meanSquare(v: Tensor): Tensor;
  /** Throws unless `x` is a point up to `tolerance` (default 1e-4): ShapeError, or OptionError with the error. */
  check(x: Tensor, tolerance?: number): Promise<void>;
}

/** What `check` does, from the rest of a manifold. */
export async function checkPoint(
  { name, shape, error }: Pick<Manifold, "name" | "shape" | "error">,
  x: Tensor,
  tolerance = 1e-4,
): Promise<void> {
  if (!sameShape(x.shape, shape)) {
    throw new ShapeError(
      `${formatShape(x.shape)} is no point of ${name}: its points are ${formatShape(shape)}`,
    );
  }
  using distance = error(x);
  const value = await item(distance);
  if (!(value <= tolerance))
    throw new OptionError(`no point of ${name}: off by ${value}, allowed ${tolerance}`);
}
