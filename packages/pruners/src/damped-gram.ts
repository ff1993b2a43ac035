import { copyInto, fromArray, Tensor, tidy, toNumbers } from "@denoise-rotator/core";
import { addDiagonalInto } from "@denoise-rotator/linalg";

/** H with 1 for the diagonal of inputs that never fire and then `damping` on the whole diagonal; the caller disposes. */
export interface DampedGram {
  readonly H: Tensor;
  /** What was added, absolutely. */
  readonly damping: number;
}

/** Damps H by `added`, or where that is left out by `share` of its mean diagonal, as SparseGPT does. */
export async function dampedGram(gram: Tensor, share: number, added?: number): Promise<DampedGram> {
  const H = Tensor.empty(gram.backend, gram.shape, gram.dtype);
  try {
    copyInto(H, gram);
    return { H, damping: await damp(H, share, added) };
  } catch (error) {
    H.dispose();
    throw error;
  }
}

/**
 * Runs `body` while H is damped where it is, so that there is no copy; then its diagonal is what it was, to the bit. Nobody
 * else may read H meanwhile.
 */
export async function whileDamped<T>(
  gram: Tensor,
  { share, added }: { readonly share: number; readonly added: number | undefined },
  body: () => Promise<T>,
): Promise<T> {
  using diagonal = gram.diagonal();
  using before = diagonal.mul(1);
  try {
    await damp(gram, share, added);
    return await body();
  } finally {
    copyInto(diagonal, before);
  }
}

async function damp(H: Tensor, share: number, added: number | undefined): Promise<number> {
  using diagonal = H.diagonal();
  const revived = Array.from(await toNumbers(diagonal), (value) => value || 1);
  const mean = revived.reduce((sum, value) => sum + value, 0) / Math.max(1, revived.length);
  const damping = added ?? share * mean;
  tidy(() => {
    const wanted = fromArray(
      revived.map((value) => value + damping),
      [revived.length],
      { dtype: H.dtype, backend: H.backend },
    );
    addDiagonalInto(H, wanted.sub(diagonal));
  });
  return damping;
}
