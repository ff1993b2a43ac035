/** A symmetric matrix as Q·T·Qᵀ, T tridiagonal. */
export interface Tridiagonal {
  readonly diagonal: Float64Array;
  /** Beside the diagonal; element i couples i and i + 1, the last one is 0. */
  readonly offDiagonal: Float64Array;
  /** Qᵀ, `[n, n]` row-major: row i is Q's column i. */
  readonly basis: Float64Array;
}

/**
 * Householder tridiagonalisation (Golub & Van Loan §8.3.1) of the symmetric `a` `[n, n]`, both triangles given; `a` is
 * overwritten. Every inner loop runs along rows.
 */
export function tridiagonalise(a: Float64Array, n: number): Tridiagonal {
  const offDiagonal = new Float64Array(n);
  const taus = new Float64Array(n);
  const w = new Float64Array(n);
  for (let k = 0; k < n - 1; k++) {
    const v = a.subarray(k * n, (k + 1) * n);
    taus[k] = reflector(v, k + 1, offDiagonal, k);
    if (taus[k] !== 0) updateTrailing(a, n, k + 1, v, taus[k]!, w);
  }
  const diagonal = Float64Array.from({ length: n }, (_, i) => a[i * n + i]!);
  return { diagonal, offDiagonal, basis: transposed(accumulate(a, n, taus), n) };
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

/** Q = H_0·H_1⋯ from the reflectors in the rows of `a`. */
function accumulate(a: Float64Array, n: number, taus: Float64Array): Float64Array {
  const q = new Float64Array(n * n);
  for (let i = 0; i < n; i++) q[i * n + i] = 1;
  const sums = new Float64Array(n);
  for (let k = n - 2; k >= 0; k--) {
    const tau = taus[k]!;
    if (tau === 0) continue;
    const v = a.subarray(k * n, (k + 1) * n);
    sums.fill(0);
    for (let i = k + 1; i < n; i++) {
      const vi = v[i]!;
      for (let j = k + 1; j < n; j++) sums[j] = sums[j]! + vi * q[i * n + j]!;
    }
    for (let i = k + 1; i < n; i++) {
      const factor = tau * v[i]!;
      for (let j = k + 1; j < n; j++) q[i * n + j] = q[i * n + j]! - factor * sums[j]!;
    }
  }
  return q;
}

export function transposed(x: Float64Array, n: number): Float64Array {
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) out[j * n + i] = x[i * n + j]!;
  return out;
}
