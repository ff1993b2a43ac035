import type { DecoderBlock, RotationPair } from "@denoise-rotator/contracts";
import { assertFinite, eye, formatShape, item, sameShape, type Tensor, tidy } from "@denoise-rotator/core";
import { RotationError } from "./errors.js";

/** Largest |RᵀR − I| that passes as orthogonal. */
export const orthogonalityTolerance = 1e-4;

/**
 * Throws {@link RotationError} unless R1 and R2 have the block's shapes and are orthogonal to
 * {@link orthogonalityTolerance}; NonFiniteError if they hold NaN or infinity.
 */
export async function checkRotation(block: DecoderBlock, { R1, R2 }: RotationPair): Promise<void> {
  const { keyValueCount, dim } = block.heads;
  await checkOrthogonal(`${block.name}: R1`, R1, [block.hiddenSize, block.hiddenSize]);
  await checkOrthogonal(`${block.name}: R2`, R2, [keyValueCount, dim, dim]);
}

async function checkOrthogonal(what: string, R: Tensor, shape: readonly number[]): Promise<void> {
  if (!sameShape(R.shape, shape)) {
    throw new RotationError(`${what} is ${formatShape(R.shape)} where the block needs ${formatShape(shape)}`);
  }
  await assertFinite(R, what);
  using deviation = tidy(() => {
    const identity = eye(shape.at(-1)!, { dtype: R.dtype, backend: R.backend });
    return R.transpose().matmul(R).sub(identity).abs().max();
  });
  const error = await item(deviation);
  if (!(error <= orthogonalityTolerance)) {
    throw new RotationError(
      `${what} is not orthogonal: |RᵀR − I| reaches ${error.toExponential(2)}, allowed are ${orthogonalityTolerance}`,
    );
  }
}
