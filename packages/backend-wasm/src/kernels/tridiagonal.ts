import type { Operand } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";
import { addressOf } from "./scratch.js";
import { multiplySymmetric } from "./symmetric-matvec.js";
import { withTemporaries } from "./temporaries.js";

/** A matrix of f32 by the address of its first element and the bytes between rows. */
interface Rows {
  readonly address: number;
  readonly row: number;
}
const rowsOf = (x: Operand): Rows => ({ address: addressOf(x), row: 4 * x.strides[0]! });

/** The kernel `tridiagonalPanel`: scalars and norms on the host in f64, everything of size n by SIMD kernels. */
export function tridiagonalPanel(engine: Engine, a: Operand, v: Operand, w: Operand, factors: Operand): void {
  const n = a.shape[0]!;
  const [matrix, left, right] = [rowsOf(a), rowsOf(v), rowsOf(w)];
  const form = rowsOf(factors);
  withTemporaries(engine, (temporaries) => {
    const scratch = temporaries.allocate(4 * v.shape[0]!).address;
    const { f32 } = engine.memory;
    for (let j = 0; j < v.shape[0]!; j++) {
      const row = left.address + j * left.row;
      updatedRow(engine, { matrix, left, right }, j, n, row);
      const reflector = reflectRow(f32, row >>> 2, j, n);
      const at = (form.address >>> 2) + j;
      f32[at] = reflector.diagonal;
      f32[at + (form.row >>> 2)] = reflector.beta;
      f32[at + (form.row >>> 1)] = reflector.factor;
      const target = right.address + j * right.row;
      f32.fill(0, target >>> 2, (target >>> 2) + n);
      if (reflector.factor === 0) continue;
      const offset = 4 * (j + 1);
      const corner = matrix.address + (j + 1) * matrix.row + offset;
      multiplySymmetric(engine, corner, matrix.row, row + offset, target + offset, n - j - 1);
      subtractEarlier(engine, { left, right }, j, n, scratch);
      finish(f32, row >>> 2, target >>> 2, j, n, reflector.factor);
    }
  });
}

interface Panel {
  readonly left: Rows;
  readonly right: Rows;
}

/** Row j of the matrix from the diagonal on, less what the panel's earlier reflectors take from it, into `to`. */
function updatedRow(engine: Engine, panel: Panel & { matrix: Rows }, j: number, n: number, to: number): void {
  const { matrix, left, right } = panel;
  const { f32 } = engine.memory;
  const offset = 4 * j;
  const from = (matrix.address + j * matrix.row + offset) >>> 2;
  f32.copyWithin((to + offset) >>> 2, from, from + n - j);
  for (const [x, y] of [
    [left, right],
    [right, left],
  ] as const) {
    const coefficients = x.address + offset;
    engine.native.combineRows!(to + offset, coefficients, x.row, y.address + offset, y.row, j, n - j, -1, 1);
  }
}

/**
 * Turns the row (…, a_jj, α, x) at `start` into the reflector (0, …, 0, 1, x/(α − β)) that maps (α, x) to (β, 0); β stands
 * beside the diagonal a_jj of the tridiagonal form.
 */
function reflectRow(f32: Float32Array, start: number, j: number, n: number) {
  const diagonal = f32[start + j]!;
  const alpha = f32[start + j + 1]!;
  let below = 0;
  for (let i = j + 2; i < n; i++) below += f32[start + i]! ** 2;
  f32.fill(0, start, start + j + 1);
  f32[start + j + 1] = 1;
  if (below === 0) return { diagonal, beta: alpha, factor: 0 };
  const norm = Math.sqrt(alpha * alpha + below);
  const beta = alpha >= 0 ? -norm : norm;
  const scale = 1 / (alpha - beta);
  for (let i = j + 2; i < n; i++) f32[start + i] = f32[start + i]! * scale;
  return { diagonal, beta, factor: (beta - alpha) / beta };
}

/** w_j −= Vᵀ·(W·v_j) + Wᵀ·(V·v_j) over the earlier rows of the panel, right of column j. */
function subtractEarlier(engine: Engine, { left, right }: Panel, j: number, n: number, scratch: number) {
  if (j === 0) return;
  const { gemvDot, combineRows } = engine.native as Record<string, (...args: number[]) => void>;
  const offset = 4 * (j + 1);
  const columns = n - j - 1;
  const vector = left.address + j * left.row + offset;
  const target = right.address + j * right.row + offset;
  for (const [x, y] of [
    [right, left],
    [left, right],
  ] as const) {
    gemvDot!(x.address + offset, x.row, vector, scratch, 4, j, columns, 1, 0);
    combineRows!(target, scratch, 4, y.address + offset, y.row, j, columns, -1, 1);
  }
}

/** w ← τ·w − ½·τ²·(wᵀv)·v. */
function finish(f32: Float32Array, v: number, w: number, j: number, n: number, factor: number): void {
  let dot = 0;
  for (let i = j + 1; i < n; i++) dot += f32[v + i]! * f32[w + i]!;
  const correction = 0.5 * factor * factor * dot;
  for (let i = j + 1; i < n; i++) f32[w + i] = factor * f32[w + i]! - correction * f32[v + i]!;
}
