/** Q·T·Qᵀ with T tridiagonal, Q = H_0·H_1⋯ of reflectors H_k = I − τ_k·v·vᵀ. */
export interface HostTridiagonal {
  readonly diagonal: Float64Array;
  /** Beside the diagonal; element i couples i and i + 1, the last one is 0. */
  readonly offDiagonal: Float64Array;
  /** `[n, n]` row-major: row k is the reflector k, zero up to column k and 1 at k + 1. */
  readonly reflectors: Float64Array;
  readonly taus: Float64Array;
}

/**
 * Householder tridiagonalisation (Golub & Van Loan §8.3.1) of the symmetric `a` `[n, n]`, both triangles given; `a` is
 * overwritten. Every inner loop runs along rows. For backends without the kernel `tridiagonalPanel`.
 */
export function tridiagonaliseOnHost(a: Float64Array, n: number): HostTridiagonal {
  const diagonal = new Float64Array(n);
  const offDiagonal = new Float64Array(n);
  const taus = new Float64Array(n);
  const w = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    diagonal[k] = a[k * n + k]!;
    const v = a.subarray(k * n, (k + 1) * n);
    if (k < n - 1) taus[k] = reflector(v, k + 1, offDiagonal, k);
    if (taus[k] !== 0) updateTrailing(a, n, k + 1, v, taus[k]!, w);
    v.fill(0, 0, k + 1);
    if (k < n - 1) v[k + 1] = 1;
  }
  return { diagonal, offDiagonal, reflectors: a, taus };
}

/** Turns v[from…] into a Householder vector (v[from] = 1), stores what it maps to in `beta[at]`; returns τ. */
function reflector(v: Float64Array, from: number, beta: Float64Array, at: number): number {
  let scale = 0;
  for (let i = from; i < v.length; i++) scale = Math.max(scale, Math.abs(v[i]!));
  let tail = 0;
  for (let i = from + 1; i < v.length; i++) tail += (v[i]! / scale) ** 2;
  const head = v[from]!;
  if (scale === 0 || tail === 0) {
    beta[at] = head;
    return 0;
  }
  const norm = scale * Math.sqrt((head / scale) ** 2 + tail);
  const value = head > 0 ? -norm : norm;
  beta[at] = value;
  const divisor = head - value;
  for (let i = from + 1; i < v.length; i++) v[i] = v[i]! / divisor;
  v[from] = 1;
  return -divisor / value;
}

/** a ← H·a·H on the trailing block from `from`, H = I − τ·v·vᵀ. */
function updateTrailing(
  a: Float64Array,
  n: number,
  from: number,
  v: Float64Array,
  tau: number,
  w: Float64Array,
) {
  let inner = 0;
  for (let i = from; i < n; i++) {
    const row = i * n;
    let sum = 0;
    for (let j = from; j < n; j++) sum += a[row + j]! * v[j]!;
    w[i] = tau * sum;
    inner += w[i]! * v[i]!;
  }
  for (let i = from; i < n; i++) w[i] = w[i]! - 0.5 * tau * inner * v[i]!;
  for (let i = from; i < n; i++) {
    const row = i * n;
    const vi = v[i]!;
    const wi = w[i]!;
    for (let j = from; j < n; j++) a[row + j] = a[row + j]! - vi * w[j]! - wi * v[j]!;
  }
}
