import type { Operand, TriangularSolveOptions } from "../backend.js";
import { load, store } from "./memory.js";

export function triangularSolve(a: Operand, b: Operand, options: TriangularSolveOptions): void {
  const { lower, transpose, unitDiagonal } = options;
  const [n, columns] = b.shape as [number, number];
  const matrix = load(a);
  const x = load(b);
  const at = (i: number, j: number) => (transpose ? matrix[j * n + i]! : matrix[i * n + j]!);
  const forward = lower !== transpose;
  for (let step = 0; step < n; step++) {
    const i = forward ? step : n - 1 - step;
    for (let s = 0; s < step; s++) {
      const j = forward ? s : n - 1 - s;
      const factor = at(i, j);
      for (let c = 0; c < columns; c++)
        x[i * columns + c] = x[i * columns + c]! - factor * x[j * columns + c]!;
    }
    if (unitDiagonal) continue;
    const pivot = at(i, i);
    for (let c = 0; c < columns; c++) x[i * columns + c] = x[i * columns + c]! / pivot;
  }
  store(b, x);
}

export function choleskyPanel(
  a: Operand,
  info: Operand,
  { pivotBase }: { readonly pivotBase: number },
): void {
  const n = a.shape[0]!;
  const m = load(a);
  for (let j = 0; j < n; j++) {
    let pivot = m[j * n + j]!;
    for (let k = 0; k < j; k++) pivot -= m[j * n + k]! ** 2;
    if (!(pivot > 0)) {
      if (load(info)[0] === 0) store(info, Float64Array.of(pivotBase + j + 1));
      for (let i = j; i < n; i++) for (let k = j; k <= i; k++) m[i * n + k] = Number.NaN;
      break;
    }
    const root = Math.sqrt(pivot);
    m[j * n + j] = root;
    for (let i = j + 1; i < n; i++) {
      let sum = m[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= m[i * n + k]! * m[j * n + k]!;
      m[i * n + j] = sum / root;
    }
  }
  store(a, m);
}

export function qrPanel(a: Operand, tau: Operand): void {
  const [m, n] = a.shape as [number, number];
  const x = load(a);
  const factors = new Float64Array(n);
  for (let j = 0; j < n; j++) {
    let tail = 0;
    for (let i = j + 1; i < m; i++) tail += x[i * n + j]! ** 2;
    const head = x[j * n + j]!;
    if (tail === 0) continue;
    const beta = -Math.sign(head || 1) * Math.sqrt(head * head + tail);
    factors[j] = (beta - head) / beta;
    for (let i = j + 1; i < m; i++) x[i * n + j] = x[i * n + j]! / (head - beta);
    x[j * n + j] = beta;
    for (let c = j + 1; c < n; c++) {
      let dot = x[j * n + c]!;
      for (let i = j + 1; i < m; i++) dot += x[i * n + j]! * x[i * n + c]!;
      dot *= factors[j]!;
      x[j * n + c] = x[j * n + c]! - dot;
      for (let i = j + 1; i < m; i++) x[i * n + c] = x[i * n + c]! - dot * x[i * n + j]!;
    }
  }
  store(a, x);
  store(tau, factors);
}
