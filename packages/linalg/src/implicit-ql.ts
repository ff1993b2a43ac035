interface Tridiagonal {
  readonly diagonal: Float64Array;
  /** Element i couples i and i + 1, the last one is 0. */
  readonly offDiagonal: Float64Array;
  /** `[n, n]` row-major; the identity, or what the eigenvectors are to be multiplied by from the left. */
  readonly basis: Float64Array;
}

const maxSweeps = 60;

/**
 * Diagonalises a tridiagonal matrix by QL with implicit Wilkinson shifts (Golub & Van Loan §8.3.3; EISPACK tql2), in
 * place: `diagonal` becomes the eigenvalues, unsorted, and row i of `basis` the eigenvector of value i. `false` if an
 * eigenvalue did not converge within 60 sweeps (never seen for finite input).
 */
export function implicitQl({ diagonal: d, offDiagonal: e, basis }: Tridiagonal): boolean {
  const n = d.length;
  for (let l = 0; l < n; l++) {
    for (let sweep = 0; ; sweep++) {
      const m = firstSmall(d, e, l);
      if (m === l) break;
      if (sweep === maxSweeps) return false;
      chase(d, e, basis, l, m);
    }
  }
  return true;
}

/** The first m ≥ from whose coupling to m + 1 is negligible. */
function firstSmall(d: Float64Array, e: Float64Array, from: number): number {
  let m = from;
  while (m < d.length - 1 && Math.abs(e[m]!) > Number.EPSILON * (Math.abs(d[m]!) + Math.abs(d[m + 1]!))) m++;
  return m;
}

/** One implicit QL sweep from m up to l. */
function chase(d: Float64Array, e: Float64Array, basis: Float64Array, l: number, m: number): void {
  let g = (d[l + 1]! - d[l]!) / (2 * e[l]!);
  const root = Math.hypot(g, 1);
  g = d[m]! - d[l]! + e[l]! / (g + (g < 0 ? -root : root));
  let [s, c, p] = [1, 1, 0];
  for (let i = m - 1; i >= l; i--) {
    const f = s * e[i]!;
    const b = c * e[i]!;
    const r = Math.sqrt(f * f + g * g) || Math.hypot(f, g);
    e[i + 1] = r;
    if (r === 0) {
      d[i + 1] = d[i + 1]! - p;
      e[m] = 0;
      return;
    }
    s = f / r;
    c = g / r;
    g = d[i + 1]! - p;
    const t = (d[i]! - g) * s + 2 * c * b;
    p = s * t;
    d[i + 1] = g + p;
    g = c * t - b;
    rotateRows(basis, d.length, i, c, s);
  }
  d[l] = d[l]! - p;
  e[l] = g;
  e[m] = 0;
}

function rotateRows(x: Float64Array, n: number, i: number, c: number, s: number): void {
  const upper = i * n;
  const lower = upper + n;
  for (let j = 0; j < n; j++) {
    const a = x[upper + j]!;
    const b = x[lower + j]!;
    x[lower + j] = s * a + c * b;
    x[upper + j] = c * a - s * b;
  }
}
