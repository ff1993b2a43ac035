import type { Operand } from "@denoise-rotator/core";
import { panelColumns, panelSums } from "../emit/householder.js";
import type { Engine } from "../engine/engine.js";
import { addressOf } from "./scratch.js";
import { withTemporaries } from "./temporaries.js";

/** Where a group of columns is worked on; addresses in bytes. */
interface Workspace {
  /** Contiguous rows of `panelColumns`; missing columns are zero. */
  readonly rows: number;
  /** −τ·vᵀ·X of the reflector at hand. */
  readonly w: number;
  readonly sums: number;
}

/** Householder QR in place, at most 32 columns at a time; scalars on the host in f64. */
export function qrPanel(engine: Engine, a: Operand, tau: Operand): void {
  const [m, n] = a.shape as [number, number];
  const stride = a.strides[0]!;
  const start = addressOf(a);
  withTemporaries(engine, (temporaries) => {
    // One vector more: the step of the last column looks one element ahead.
    const rows = temporaries.allocate(4 * panelColumns * m + 16).address;
    const w = temporaries.allocate(4 * panelColumns + 16).address;
    const sums = temporaries.allocate(4 * panelSums.length).address;
    for (let left = 0; left < n; left += panelColumns) {
      const columns = Math.min(panelColumns, n - left);
      const corner = start + 4 * (left * stride + left);
      const tauAt = (addressOf(tau) >>> 2) + left;
      factorColumns(engine, { rows, w, sums }, corner, stride, m - left, columns, tauAt);
      const right = n - left - columns;
      if (right === 0) continue;
      for (let j = 0; j < columns; j++) {
        const pivot = corner + 4 * (j * stride + j);
        const factor = engine.memory.f32[tauAt + j]!;
        const target = pivot + 4 * (columns - j);
        reflectRight(engine, pivot, target, stride, m - left - j, right, factor, w);
      }
    }
  });
}

function factorColumns(
  engine: Engine,
  workspace: Workspace,
  corner: number,
  stride: number,
  m: number,
  columns: number,
  tauAt: number,
): void {
  const { rows, w, sums } = workspace;
  const { copy4, panelStart, panelStep } = engine.native as Record<string, (...args: number[]) => void>;
  const { f32 } = engine.memory;
  const x = rows >>> 2;
  if (columns < panelColumns) f32.fill(0, x, x + panelColumns * m);
  copy4!(corner, 16, 4 * stride, rows, 4 * panelColumns, columns, m);
  panelStart!(rows, m, sums);
  const unit = workingUnit(f32, sums >>> 2);
  if (unit !== 1) {
    for (let i = x; i < x + panelColumns * m; i++) f32[i] = f32[i]! / unit;
    panelStart!(rows, m, sums);
  }
  for (let j = 0; j < columns; j++) {
    const pivotRow = x + panelColumns * j;
    const { factor, beta, scale } = reflector(f32[pivotRow + j]!, f32[(sums >>> 2) + panelSums.norm]!);
    f32[tauAt + j] = factor;
    const [to, from] = [w >>> 2, sums >>> 2];
    f32.fill(0, to, to + j + 1);
    for (let c = j + 1; c < panelColumns; c++) {
      const weight = factor === 0 ? 0 : -factor * (f32[pivotRow + c]! + scale * f32[from + c]!);
      f32[to + c] = weight;
      f32[pivotRow + c] = f32[pivotRow + c]! + weight;
    }
    f32[pivotRow + j] = beta;
    if (j + 1 < m) {
      const row = rows + 4 * panelColumns * (j + 1);
      panelStep!(row, m - j - 1, 4 * j, scale, w, sums, (j + 1) >>> 2);
    }
  }
  if (unit !== 1) {
    for (let i = 0; i < columns; i++) {
      for (let c = i; c < columns; c++) f32[x + panelColumns * i + c] = f32[x + panelColumns * i + c]! * unit;
    }
  }
  copy4!(rows, 16, 4 * panelColumns, corner, 4 * stride, columns, m);
}

/** H = I − τ·v·vᵀ that maps a column (α, x) to (β, 0): v is `scale`·x below its leading 1. `norm` = ‖x‖. */
function reflector(alpha: number, norm: number): { factor: number; beta: number; scale: number } {
  if (norm === 0) return { factor: 0, beta: alpha, scale: 1 };
  // Squares of f32 neither overflow nor vanish in f64.
  const length = Math.sqrt(alpha * alpha + norm * norm);
  const beta = alpha >= 0 ? -length : length;
  return { factor: (beta - alpha) / beta, beta, scale: 1 / (alpha - beta) };
}

/** 1, or the power of two by which to divide a panel whose products would leave the range of f32. */
function workingUnit(f32: Float32Array, sums: number): number {
  const largest = Math.max(...f32.subarray(sums + panelSums.largest, sums + panelSums.largest + 4));
  const inside = !(largest > 2 ** 40 || largest < 2 ** -40);
  return inside || largest === 0 || largest === Number.POSITIVE_INFINITY
    ? 1
    : 2 ** Math.round(Math.log2(largest));
}

/** One reflector, its v below `pivot`, on `columns` columns at `target` to the right of the group. */
function reflectRight(
  engine: Engine,
  pivot: number,
  target: number,
  stride: number,
  rows: number,
  columns: number,
  factor: number,
  w: number,
): void {
  if (factor === 0) return;
  const { combineRows, addOuter } = engine.native as Record<string, (...args: number[]) => void>;
  const { f32 } = engine.memory;
  const beta = f32[pivot >>> 2]!;
  f32[pivot >>> 2] = 1;
  for (let done = 0; done < columns; done += panelColumns) {
    const width = Math.min(panelColumns, columns - done);
    const block = target + 4 * done;
    combineRows!(w, pivot, 4 * stride, block, 4 * stride, rows, width, -factor, 0);
    addOuter!(block, 4 * stride, pivot, 4 * stride, w, rows, width, 1);
  }
  f32[pivot >>> 2] = beta;
}
