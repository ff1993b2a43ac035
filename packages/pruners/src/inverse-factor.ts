import { fromTyped, type Tensor, take, tidy } from "@denoise-rotator/core";
import { factorDamped, inverseTriangular } from "@denoise-rotator/linalg";

/** What SparseGPT needs of H. */
export interface InverseFactor {
  /** Upper triangular `[in, in]` with positive diagonal, H⁻¹ = Uᵀ·U for the damped H. */
  readonly upper: Tensor;
  /** bool `[in]`: columns whose H_jj is 0, that is inputs which never fire. */
  readonly dead: Tensor;
  /** What was added to diag(H), absolutely. */
  readonly damping: number;
  dispose(): void;
}

/**
 * The upper Cholesky factor of the damped inverse of H `[in, in]`.
 *
 * H is never inverted: with J the reversal of the order, J·H·J = L·Lᵀ gives H = (J·L·J)·(J·L·J)ᵀ where J·L·J is upper
 * triangular, so that U = (J·L·J)⁻¹ = J·L⁻¹·J. One factorisation and one triangular inverse, both backward stable.
 *
 * @throws NotPositiveDefiniteError naming `name` if no damping that linalg tries helps; its pivot counts from the last input.
 */
export async function inverseFactor(
  gram: Tensor,
  options: { damping: number; name: string },
): Promise<InverseFactor> {
  const size = gram.shape[0]!;
  const order = Int32Array.from({ length: size }, (_, i) => size - 1 - i);
  using reversed = fromTyped(order, [size], "i32", gram.backend);
  // H is symmetric, so that turned and transposed is turned.
  using turned = tidy(() => turnTransposed(gram, reversed));
  const factor = await factorDamped(turned, {
    damping: options.damping,
    name: `${options.name}: H with its inputs in reverse order`,
  });
  try {
    const { upper, dead } = tidy(() => {
      const inverse = inverseTriangular(factor.L);
      const upper = turnTransposed(inverse, reversed).transpose().contiguous();
      return { upper, dead: gram.diagonal().equal(0) };
    });
    const dispose = () => {
      upper.dispose();
      dead.dispose();
    };
    return { upper, dead, damping: factor.damping, dispose };
  } finally {
    factor.L.dispose();
  }
}

/** J·xᵀ·J for the reversal J: whole rows are moved, since single columns are slow to gather. */
const turnTransposed = (x: Tensor, reversed: Tensor): Tensor =>
  take(take(x, reversed, 0).transpose().contiguous(), reversed, 0);
