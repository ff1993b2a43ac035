import type { MatmulOptions, Operand } from "../backend.js";
import { sizeOf } from "../shape.js";
import { load, positionsOf, store } from "./memory.js";

/** The matrix of an operand at one position of its leading axes. */
function matrixAt(x: Operand, offset: number): Operand {
  return { ...x, shape: x.shape.slice(-2), strides: x.strides.slice(-2), offset };
}

export function matmul(a: Operand, b: Operand, out: Operand, { accumulate, alpha }: MatmulOptions): void {
  const batchOf = (x: Operand) =>
    positionsOf({ shape: x.shape.slice(0, -2), strides: x.strides.slice(0, -2), offset: x.offset });
  const [as, bs, outs] = [batchOf(a), batchOf(b), batchOf(out)];
  for (let i = 0; i < sizeOf(out.shape.slice(0, -2)); i++) {
    multiply(matrixAt(a, as[i]!), matrixAt(b, bs[i]!), matrixAt(out, outs[i]!), accumulate, alpha);
  }
}

function multiply(a: Operand, b: Operand, out: Operand, accumulate: boolean, alpha: number): void {
  const [m, k] = a.shape as [number, number];
  const n = b.shape[1]!;
  const left = load(a);
  const right = load(b);
  const result = accumulate ? load(out) : new Float64Array(m * n);
  const row = new Float64Array(n);
  for (let i = 0; i < m; i++) {
    row.fill(0);
    for (let p = 0; p < k; p++) {
      const factor = left[i * k + p]!;
      const base = p * n;
      for (let j = 0; j < n; j++) row[j] = row[j]! + factor * right[base + j]!;
    }
    for (let j = 0; j < n; j++) result[i * n + j] = result[i * n + j]! + alpha * row[j]!;
  }
  store(out, result);
}
