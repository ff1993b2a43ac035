/** Host reference in f64; matrices are row-major. */

/** H with dead columns revived and damped as SparseGPT does. */
export function dampedHessian(H: readonly number[], size: number, damping: number): number[] {
  const out = [...H];
  for (let j = 0; j < size; j++) if (out[j * size + j] === 0) out[j * size + j] = 1;
  let trace = 0;
  for (let j = 0; j < size; j++) trace += out[j * size + j]!;
  for (let j = 0; j < size; j++) out[j * size + j]! += (damping * trace) / size;
  return out;
}

/** d·H·dᵀ summed over the rows d of `difference`. */
export function energy(difference: readonly number[], H: readonly number[], size: number): number {
  let total = 0;
  for (let base = 0; base < difference.length; base += size) {
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++)
        total += difference[base + i]! * H[i * size + j]! * difference[base + j]!;
    }
  }
  return total;
}

/** The least of {@link energy}(W − Ŵ) over all Ŵ that are zero where `mask` is 0. */
export function leastSquaresEnergy(
  W: readonly number[],
  H: readonly number[],
  mask: readonly number[],
  size: number,
): number {
  const best = new Array<number>(W.length).fill(0);
  for (let base = 0; base < W.length; base += size) {
    const kept = Array.from({ length: size }, (_, j) => j).filter((j) => mask[base + j] !== 0);
    const matrix = kept.map((i) => kept.map((j) => H[i * size + j]!));
    const right = kept.map((i) =>
      H.slice(i * size, (i + 1) * size).reduce((sum, h, j) => sum + h * W[base + j]!, 0),
    );
    solve(matrix, right).forEach((x, k) => {
      best[base + kept[k]!] = x;
    });
  }
  return energy(
    W.map((w, i) => w - best[i]!),
    H,
    size,
  );
}

/** Gaussian elimination with partial pivoting. */
function solve(matrix: number[][], right: number[]): number[] {
  const n = right.length;
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(matrix[i]![k]!) > Math.abs(matrix[pivot]![k]!)) pivot = i;
    [matrix[k], matrix[pivot]] = [matrix[pivot]!, matrix[k]!];
    [right[k], right[pivot]] = [right[pivot]!, right[k]!];
    for (let i = k + 1; i < n; i++) {
      const factor = matrix[i]![k]! / matrix[k]![k]!;
      for (let j = k; j < n; j++) matrix[i]![j]! -= factor * matrix[k]![j]!;
      right[i]! -= factor * right[k]!;
    }
  }
  for (let k = n - 1; k >= 0; k--) {
    for (let j = k + 1; j < n; j++) right[k]! -= matrix[k]![j]! * right[j]!;
    right[k]! /= matrix[k]![k]!;
  }
  return right;
}
