/*
 * The eigenvalues of diag(d) + ρ·z·zᵀ, ρ > 0, d ascending and distinct, no z_i = 0: the roots of the secular function
 * f(λ) = 1/ρ + Σ z_i²/(d_i − λ), one between each d_j and d_{j+1} and one beyond the last d.
 */

/** A root as the nearest pole plus an offset, from which every d_i − λ follows without cancellation. */
export interface SecularRoots {
  readonly origin: Int32Array;
  readonly offset: Float64Array;
}

const maxSteps = 200;

/** All roots, ascending; `undefined` if one was not found (never seen for finite input). */
export function secularRoots(d: Float64Array, z: Float64Array, rho: number): SecularRoots | undefined {
  const n = d.length;
  const squares = z.map((value) => value * value);
  const roots = { origin: new Int32Array(n), offset: new Float64Array(n) };
  const solver = new Solver(d, squares, rho);
  for (let j = 0; j < n; j++) {
    if (!solver.solve(j)) return undefined;
    roots.origin[j] = solver.origin;
    roots.offset[j] = solver.offset;
  }
  return roots;
}

/**
 * One root at a time: rational interpolation of f by its two nearest poles (Li 1993, LAPACK Working Note 89; LAPACK's
 * dlaed4), kept inside a bracket.
 */
class Solver {
  origin = 0;
  offset = 0;
  readonly #d: Float64Array;
  readonly #squares: Float64Array;
  readonly #inverseRho: number;
  /** How far beyond the last pole the last root can lie. */
  readonly #reach: number;
  /** d_i less the origin. */
  readonly #delta: Float64Array;
  /** The poles between which f is interpolated; for the last root both lie below it. */
  #p = 0;
  #q = 0;
  #last = false;
  /** Offsets between which the root lies. */
  #low = 0;
  #high = 0;
  /** f at the last point, the slopes of its sums up to pole p and beyond, and the rounding error of f. */
  #f = 0;
  #leftSlope = 0;
  #rightSlope = 0;
  #noise = 0;

  constructor(d: Float64Array, squares: Float64Array, rho: number) {
    this.#d = d;
    this.#squares = squares;
    this.#inverseRho = 1 / rho;
    this.#reach = rho * squares.reduce((sum, value) => sum + value, 0);
    this.#delta = new Float64Array(d.length);
  }

  /** Puts root j into `origin` and `offset`; whether it was found. */
  solve(j: number): boolean {
    if (this.#d.length === 1) {
      this.origin = 0;
      this.offset = this.#reach;
      return true;
    }
    let x = this.#bracket(j);
    let middle = false;
    let previous = Number.POSITIVE_INFINITY;
    for (let step = 0; step < maxSteps; step++) {
      this.#evaluate(x);
      const size = Math.abs(this.#f);
      if (this.#f <= 0) this.#low = Math.max(this.#low, x);
      else this.#high = Math.min(this.#high, x);
      const slow = size > previous / 10;
      if (slow) middle = !middle;
      previous = size;
      // Interpolation can jump to and fro between the ends of a bracket: from some point on, slow steps bisect.
      const next = slow && step > 6 ? this.#center() : this.#interpolate(x, middle);
      const inside = next > this.#low && next < this.#high;
      if (size <= this.#noise || !inside || Math.abs(next - x) <= Number.EPSILON * Math.abs(x)) {
        this.offset = x;
        return Number.isFinite(x);
      }
      x = next;
    }
    return false;
  }

  /** Chooses the nearer pole as the origin and brackets root j; returns a first point. */
  #bracket(j: number): number {
    const n = this.#d.length;
    this.#last = j === n - 1;
    this.#p = this.#last ? n - 2 : j;
    this.#q = this.#p + 1;
    const width = this.#last ? this.#reach : this.#d[this.#q]! - this.#d[this.#p]!;
    const half = width / 2;
    this.#moveOrigin(j);
    this.#evaluate(half);
    const beyond = this.#f < 0;
    if (!this.#last && beyond) {
      this.#moveOrigin(this.#q);
      [this.#low, this.#high] = [-half, 0];
      return -half;
    }
    [this.#low, this.#high] = beyond ? [half, width] : [0, half];
    return half;
  }

  #center(): number {
    return this.#low + (this.#high - this.#low) / 2;
  }

  #moveOrigin(to: number): void {
    this.origin = to;
    const base = this.#d[to]!;
    for (let i = 0; i < this.#d.length; i++) this.#delta[i] = this.#d[i]! - base;
  }

  #evaluate(x: number): void {
    const [delta, squares, n] = [this.#delta, this.#squares, this.#d.length];
    let [left, leftSlope, right, rightSlope] = [0, 0, 0, 0];
    for (let i = 0; i <= this.#p; i++) {
      const gap = 1 / (delta[i]! - x);
      const term = squares[i]! * gap;
      left += term;
      leftSlope += term * gap;
    }
    for (let i = n - 1; i > this.#p; i--) {
      const gap = 1 / (delta[i]! - x);
      const term = squares[i]! * gap;
      right += term;
      rightSlope += term * gap;
    }
    this.#f = this.#inverseRho + left + right;
    this.#leftSlope = leftSlope;
    this.#rightSlope = rightSlope;
    const sizes = 8 * (Math.abs(left) + Math.abs(right)) + 2 * this.#inverseRho;
    this.#noise = Number.EPSILON * (sizes + Math.abs(x) * (leftSlope + rightSlope));
  }

  /**
   * A point nearer to the root than x: the root of the rational function with poles p and q that agrees with f and its
   * slope at x, the slope of each side its own (`middle`) or the origin's term kept as it is.
   */
  #interpolate(x: number, middle: boolean): number {
    const [f, leftSlope, rightSlope, last] = [this.#f, this.#leftSlope, this.#rightSlope, this.#last];
    const slope = leftSlope + rightSlope;
    const [p, q] = [this.#p, this.#q];
    const [dp, dq] = [this.#delta[p]! - x, this.#delta[q]! - x];
    const a = (dp + dq) * f - dp * dq * slope;
    const b = dp * dq * f;
    let c: number;
    if (last || middle) c = f - dp * leftSlope - dq * rightSlope;
    else if (this.origin === p) c = f - dq * slope - (dp - dq) * this.#squares[p]! * (1 / dp) ** 2;
    else c = f - dp * slope - (dq - dp) * this.#squares[q]! * (1 / dq) ** 2;
    if (last) c = Math.abs(c);
    const root = Math.sqrt(Math.abs(a * a - 4 * b * c));
    let change: number;
    if (last) change = a >= 0 ? (a + root) / (2 * c) : (2 * b) / (a - root);
    else change = a <= 0 ? (a - root) / (2 * c) : (2 * b) / (a + root);
    // f rises: a step the wrong way, or none, is replaced by Newton's.
    if (!(f * change < 0)) change = -f / slope;
    const next = x + change;
    return next > this.#low && next < this.#high ? next : this.#center();
  }
}

/**
 * z for which the given roots are exact (Gu & Eisenstat 1994), up to a common factor: eigenvectors computed with it are
 * orthogonal to working precision however close the roots are.
 */
export function consistentWeights(d: Float64Array, z: Float64Array, roots: SecularRoots): Float64Array {
  const n = d.length;
  const products = new Float64Array(n).fill(1);
  for (let j = 0; j < n; j++) {
    const base = d[roots.origin[j]!]!;
    const offset = roots.offset[j]!;
    const dj = d[j]!;
    for (let i = 0; i < n; i++) {
      const gap = d[i]! - base - offset;
      products[i] = products[i]! * (i === j ? gap : gap / (d[i]! - dj));
    }
  }
  return products.map((product, i) => (z[i]! < 0 ? -1 : 1) * Math.sqrt(Math.abs(product)));
}
