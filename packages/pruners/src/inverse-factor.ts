import { copyInto, fromTyped, Tensor, take, tidy } from "@denoise-rotator/core";
import {
  type DampedFactor,
  type DampedOptions,
  factorDamped,
  inverseTriangular,
} from "@denoise-rotator/linalg";

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
  const name = `${options.name}: H with its inputs in reverse order`;
  const factor = await factorReversed(gram, { damping: options.damping, name });
  let inverse: Tensor;
  try {
    inverse = inverseTriangular(factor.L);
  } finally {
    factor.L.dispose(); // before the next matrix of its size is made
  }
  try {
    const upper = reversed(inverse);
    const dead = tidy(() => gram.diagonal().equal(0));
    const dispose = () => {
      upper.dispose();
      dead.dispose();
    };
    return { upper, dead, damping: factor.damping, dispose };
  } finally {
    inverse.dispose();
  }
}

async function factorReversed(gram: Tensor, options: DampedOptions): Promise<DampedFactor> {
  using turned = reversed(gram);
  return await factorDamped(turned, options);
}

/** Rows turned at a time. */
const bandRows = 512;

/** J·x·J for the reversal J, band by band: whole rows are moved, since single columns are slow to gather. */
function reversed(x: Tensor): Tensor {
  const n = x.shape[0]!;
  const out = Tensor.empty(x.backend, x.shape, x.dtype);
  const backwards = (rows: Tensor) => {
    const order = Int32Array.from({ length: rows.shape[0]! }, (_, i) => rows.shape[0]! - 1 - i);
    return take(rows, fromTyped(order, [order.length], "i32", x.backend), 0);
  };
  for (let start = 0; start < n; start += bandRows) {
    tidy(() => {
      const stop = Math.min(n, start + bandRows);
      const band = backwards(x.slice([n - stop, n - start]))
        .transpose()
        .contiguous();
      copyInto(out.slice([start, stop]), backwards(band).transpose());
    });
  }
  return out;
}
