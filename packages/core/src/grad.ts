import { isFloat } from "./dtype.js";
import { DTypeError, ShapeError } from "./errors.js";
import { full, zeros } from "./ops/creation.js";
import { identity } from "./ops/views.js";
import { tidy } from "./scope.js";
import { formatShape } from "./shape.js";
import { Tape } from "./tape.js";
import type { Tensor } from "./tensor.js";

export interface ValueAndGrads {
  /** What the function returned: a tensor with one element. */
  readonly value: Tensor;
  /** Its gradient with respect to each argument, shaped as the argument. */
  readonly grads: readonly Tensor[];
}

/**
 * The function that returns `f`'s value and its gradients with respect to all its (float) arguments, by reverse mode.
 *
 * Gradients are made of recorded operations, so `grad(grad(f))` works. `f` is synchronous and returns one element;
 * tensors it makes besides are disposed of.
 *
 * @throws ShapeError if `f` returns more than one element; DTypeError if an argument is not a float.
 */
export function valueAndGrad(f: (...args: Tensor[]) => Tensor): (...args: Tensor[]) => ValueAndGrads {
  return (...args) =>
    tidy(() => {
      const leaves = args.map((arg) => {
        if (!isFloat(arg.dtype))
          throw new DTypeError(`valueAndGrad: no gradient with respect to ${arg.dtype}`);
        return identity(arg);
      });
      const tape = new Tape();
      for (const leaf of leaves) tape.track(leaf);
      try {
        const value = tape.run(() => tidy(() => f(...leaves)));
        if (value.size !== 1) {
          throw new ShapeError(
            `valueAndGrad: the function returned ${formatShape(value.shape)}, not one element`,
          );
        }
        const seed = full(value.shape, 1, { dtype: value.dtype, backend: value.backend });
        const cotangents = tape.backward(value, seed);
        const grads = leaves.map(
          (leaf) =>
            cotangents.get(leaf.id) ?? zeros(leaf.shape, { dtype: leaf.dtype, backend: leaf.backend }),
        );
        return { value, grads };
      } finally {
        tape.release();
      }
    });
}

/** As {@link valueAndGrad}, giving the gradient with respect to the first argument only. */
export function grad(f: (...args: Tensor[]) => Tensor): (...args: Tensor[]) => Tensor {
  const both = valueAndGrad(f);
  return (...args) => tidy(() => both(...args).grads[0]!);
}
