import { copyInto, fromTyped, Tensor, take, tidy } from "@denoise-rotator/core";
import { factorDamped, invertLowerInPlace } from "@denoise-rotator/linalg";

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
 * triangular, so that U = (J·L·J)⁻¹ = J·L⁻¹·J. One factorisation and one triangular inverse, both backward stable, and both
 * in the place of J·H·J: one matrix besides H.
 *
 * @throws NotPositiveDefiniteError naming `name` if no damping that linalg tries helps; its pivot counts from the last input.
 */
export async function inverseFactor(
  gram: Tensor,
  options: { damping: number; name: string },
): Promise<InverseFactor> {
  const name = `${options.name}: H with its inputs in reverse order`;
  const { L, damping } = await factorDamped(() => reversed(gram), { damping: options.damping, name });
  try {
    invertLowerInPlace(L);
    reverse(L);
    const dead = tidy(() => gram.diagonal().equal(0));
    const dispose = () => {
      L.dispose();
      dead.dispose();
    };
    return { upper: L, dead, damping, dispose };
  } catch (error) {
    L.dispose();
    throw error;
  }
}

/** Rows turned at a time. */
const bandRows = 512;

/** J·x·J for the reversal J, band by band. */
function reversed(x: Tensor): Tensor {
  const n = x.shape[0]!;
  const out = Tensor.empty(x.backend, x.shape, x.dtype);
  for (let start = 0; start < n; start += bandRows) {
    tidy(() => {
      const stop = Math.min(n, start + bandRows);
      copyInto(out.slice([start, stop]), turned(x.slice([n - stop, n - start])));
    });
  }
  return out;
}

/** x ← J·x·J for a matrix nobody else holds: bands from both ends change places, the last one turns where it is. */
function reverse(x: Tensor): void {
  const n = x.shape[0]!;
  for (let start = 0; 2 * start < n; start += bandRows) {
    tidy(() => {
      const stop = Math.min(n - start, start + bandRows);
      const [first, last] = [x.slice([start, stop]), x.slice([n - stop, n - start])];
      const [top, bottom] = [turned(last), turned(first)];
      copyInto(first, top);
      copyInto(last, bottom);
    });
  }
}

/** Rows and columns in reverse order; whole rows are moved, since single columns are slow to gather. */
const turned = (band: Tensor): Tensor => backwards(backwards(band).transpose().contiguous()).transpose();

function backwards(rows: Tensor): Tensor {
  const count = rows.shape[0]!;
  const order = Int32Array.from({ length: count }, (_, i) => count - 1 - i);
  return take(rows, fromTyped(order, [count], "i32", rows.backend), 0);
}
