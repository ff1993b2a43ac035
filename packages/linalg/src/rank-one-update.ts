import { consistentWeights, secularRoots } from "./secular.js";

/** Eigenvalues and eigenvectors of diag(values) + ρ·z·zᵀ. */
export interface RankOneUpdate {
  /** Ascending. */
  readonly values: Float64Array;
  /** Writes the eigenvector of value `index` into `row` `[n]`, in the coordinates of `values` as given. */
  vector(index: number, row: Float64Array): void;
}

interface Rotation {
  readonly p: number;
  readonly q: number;
  readonly c: number;
  readonly s: number;
}

interface Deflated {
  readonly d: Float64Array;
  readonly z: Float64Array;
  /** Coordinates that take part in the secular equation, by ascending d. */
  readonly kept: number[];
  /** Coordinates that are eigenvectors already, after the rotations. */
  readonly done: number[];
  /** Applied in this order: columns p and q become c·p + s·q and c·q − s·p. */
  readonly rotations: Rotation[];
}

/**
 * The update of a divide-and-conquer step (Cuppen 1981; Gu & Eisenstat 1995), for ρ ≥ 0 and ‖z‖ = 1, in f64: coordinates
 * with a negligible z_i, and one of each two with nearly equal values after a rotation, are left alone (LAPACK's dlaed2);
 * the others follow from the secular equation. `undefined` if a root was not found.
 */
export function rankOneUpdate(values: Float64Array, z: Float64Array, rho: number): RankOneUpdate | undefined {
  const deflated = deflate(values, z, rho);
  const { kept, done, rotations } = deflated;
  const d = Float64Array.from(kept, (i) => deflated.d[i]!);
  const kz = Float64Array.from(kept, (i) => deflated.z[i]!);
  const roots = secularRoots(d, kz, rho);
  if (!roots) return undefined;
  const weights = consistentWeights(d, kz, roots);
  const found = [
    ...kept.map((_, j) => ({ value: d[roots.origin[j]!]! + roots.offset[j]!, root: j, coordinate: -1 })),
    ...done.map((i) => ({ value: deflated.d[i]!, root: -1, coordinate: i })),
  ].sort((a, b) => a.value - b.value);
  return {
    values: Float64Array.from(found, ({ value }) => value),
    vector(index, row) {
      const { root, coordinate } = found[index]!;
      row.fill(0);
      if (root < 0) row[coordinate] = 1;
      else secularVector(row, kept, d, weights, d[roots.origin[root]!]!, roots.offset[root]!);
      for (let r = rotations.length - 1; r >= 0; r--) {
        const { p, q, c, s } = rotations[r]!;
        const [x, y] = [row[p]!, row[q]!];
        row[p] = c * x - s * y;
        row[q] = s * x + c * y;
      }
    },
  };
}

function secularVector(
  row: Float64Array,
  kept: readonly number[],
  d: Float64Array,
  weights: Float64Array,
  base: number,
  offset: number,
): void {
  let squares = 0;
  for (let i = 0; i < d.length; i++) {
    const entry = weights[i]! / (d[i]! - base - offset);
    row[kept[i]!] = entry;
    squares += entry * entry;
  }
  const scale = 1 / Math.sqrt(squares);
  for (let i = 0; i < d.length; i++) row[kept[i]!] = row[kept[i]!]! * scale;
}

function deflate(values: Float64Array, weights: Float64Array, rho: number): Deflated {
  const d = values.slice();
  const z = weights.slice();
  const largest = (x: Float64Array) => x.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const tolerance = 8 * Number.EPSILON * Math.max(largest(d), largest(z));
  const order = Array.from(d.keys()).sort((i, j) => d[i]! - d[j]! || i - j);
  const result: Deflated = { d, z, kept: [], done: [], rotations: [] };
  let previous = -1;
  for (const q of order) {
    if (rho * Math.abs(z[q]!) <= tolerance) {
      result.done.push(q);
      continue;
    }
    if (previous >= 0) {
      const p = previous;
      const length = Math.hypot(z[p]!, z[q]!);
      const [c, s] = [z[q]! / length, -z[p]! / length];
      const [dp, dq] = [d[p]!, d[q]!];
      if (Math.abs((dq - dp) * c * s) <= tolerance) {
        result.rotations.push({ p, q, c, s });
        [z[p], z[q]] = [0, length];
        d[p] = dp * c * c + dq * s * s;
        d[q] = dp * s * s + dq * c * c;
        result.done.push(p);
      } else result.kept.push(p);
    }
    previous = q;
  }
  if (previous >= 0) result.kept.push(previous);
  return result;
}
