import type { Operand } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";
import { addressOf } from "./scratch.js";

/** Row-oriented Cholesky with sums in f64; panels are at most a few dozen wide, so this stays on the host. */
export function choleskyPanel(engine: Engine, a: Operand, info: Operand, pivotBase: number): void {
  const n = a.shape[0]!;
  const stride = a.strides[0]!;
  const start = addressOf(a) >>> 2;
  const { f32, i32 } = engine.memory;
  for (let j = 0; j < n; j++) {
    const rowJ = start + j * stride;
    let pivot = f32[rowJ + j]!;
    for (let k = 0; k < j; k++) pivot -= f32[rowJ + k]! * f32[rowJ + k]!;
    if (!(pivot > 0)) {
      const at = addressOf(info) >>> 2;
      if (i32[at] === 0) i32[at] = pivotBase + j + 1;
      for (let i = j; i < n; i++) f32.fill(Number.NaN, start + i * stride + j, start + i * stride + i + 1);
      return;
    }
    const diagonal = Math.sqrt(pivot);
    f32[rowJ + j] = diagonal;
    for (let i = j + 1; i < n; i++) {
      const rowI = start + i * stride;
      let sum = f32[rowI + j]!;
      for (let k = 0; k < j; k++) sum -= f32[rowI + k]! * f32[rowJ + k]!;
      f32[rowI + j] = sum / diagonal;
    }
  }
}

/**
 * Householder QR, one column after the other: norms and scaling on the host in f64, the products with the columns to
 * the right (w = vᵀ·A, A −= τ·v·w) by kernels.
 */
export function qrPanel(engine: Engine, a: Operand, tau: Operand): void {
  const [m, n] = a.shape as [number, number];
  const stride = a.strides[0]!;
  const start = addressOf(a);
  const at = start >>> 2;
  const tauAt = addressOf(tau) >>> 2;
  const work = engine.arena.allocate(4 * n);
  const { f32 } = engine.memory;
  const { combineRows, addOuter } = engine.native as Record<string, (...args: number[]) => void>;
  for (let j = 0; j < n; j++) {
    const pivotAt = at + j * stride + j;
    const { tau: factor, beta, scale } = reflector(f32, pivotAt, stride, m - j);
    f32[tauAt + j] = factor;
    if (factor === 0) continue;
    for (let i = 1; i < m - j; i++) f32[pivotAt + i * stride] = f32[pivotAt + i * stride]! * scale;
    const right = n - j - 1;
    if (right > 0) {
      const column = start + 4 * (j * stride + j);
      f32[pivotAt] = 1;
      combineRows!(work.address, column, 4 * stride, column + 4, 4 * stride, m - j, right, -factor, 0);
      addOuter!(column + 4, 4 * stride, column, 4 * stride, work.address, m - j, right, 1);
    }
    f32[pivotAt] = beta;
  }
  engine.arena.free(work);
}

/** H = I − τ·v·vᵀ that maps the column to (β, 0, …): v is the column times `scale`, but for its leading 1. */
function reflector(f32: Float32Array, pivotAt: number, stride: number, rows: number) {
  const alpha = f32[pivotAt]!;
  // Squares of f32 neither overflow nor vanish in f64.
  let below = 0;
  for (let i = 1; i < rows; i++) below += f32[pivotAt + i * stride]! ** 2;
  if (below === 0) return { tau: 0, beta: alpha, scale: 0 };
  const norm = Math.sqrt(alpha * alpha + below);
  const beta = alpha >= 0 ? -norm : norm;
  return { tau: (beta - alpha) / beta, beta, scale: 1 / (alpha - beta) };
}
