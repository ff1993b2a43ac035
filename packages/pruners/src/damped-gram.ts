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
  using diagonal = gram.diagonal();
  const revived = Array.from(await toNumbers(diagonal), (value) => value || 1);
  const mean = revived.reduce((sum, value) => sum + value, 0) / Math.max(1, revived.length);
  const damping = added ?? share * mean;
  const H = Tensor.empty(gram.backend, gram.shape, gram.dtype);
  copyInto(H, gram);
  tidy(() => {
    const wanted = fromArray(
      revived.map((value) => value + damping),
      [revived.length],
      { dtype: gram.dtype, backend: gram.backend },
    );
    addDiagonalInto(H, wanted.sub(gram.diagonal()));
  });
  return { H, damping };
}
