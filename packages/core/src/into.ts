import type { MatmulOptions, TriangularSolveOptions } from "./backend.js";
import { BackendError, ShapeError } from "./errors.js";
import { countMatmul } from "./flops.js";
import { formatShape, sameShape } from "./shape.js";
import type { Tensor } from "./tensor.js";

/*
 * Kernels that write into a tensor's buffer, for the authors of routines (blocked factorisations, accumulators, optimiser
 * state). The destination must be private to the caller: every handle and view of it sees the change, and tapes do not.
 * Destinations may be views (`slice`) with unit column stride.
 */

/** `out ← alpha·a·b (+ out)`, matrices. */
export function matmulInto(out: Tensor, a: Tensor, b: Tensor, options: Partial<MatmulOptions> = {}): void {
  const [m, k] = a.shape as [number, number];
  const [inner, n] = b.shape as [number, number];
  if (a.rank !== 2 || b.rank !== 2 || k !== inner || !sameShape(out.shape, [m, n])) {
    const shapes = [out, a, b].map(({ shape }) => formatShape(shape)).join(", ");
    throw new ShapeError(`matmulInto: out, a, b ${shapes} do not fit`);
  }
  const { accumulate = false, alpha = 1, triangle } = options;
  const part = triangle && { triangle };
  out.backend.kernels.matmul(a.operand, b.operand, out.operand, { accumulate, alpha, ...part });
  countMatmul(m, n, triangle ? k / 2 : k);
}

/** Copies `x` into `out`, elementwise, casting. */
export function copyInto(out: Tensor, x: Tensor): void {
  if (!sameShape(out.shape, x.shape)) {
    throw new ShapeError(`copyInto: ${formatShape(x.shape)} does not fit ${formatShape(out.shape)}`);
  }
  out.backend.kernels.copy(x.operand, out.operand);
}

export const fillInto = (out: Tensor, value: number): void => out.backend.kernels.fill(out.operand, value);

/** `b ← op(a)⁻¹·b`; see the kernel `triangularSolve`. */
export function triangularSolveInto(b: Tensor, a: Tensor, options: TriangularSolveOptions): void {
  const [n, columns] = a.shape;
  if (a.rank !== 2 || b.rank !== 2 || n !== columns || b.shape[0] !== n) {
    throw new ShapeError(
      `triangularSolveInto: ${formatShape(a.shape)} and ${formatShape(b.shape)} do not fit`,
    );
  }
  b.backend.kernels.triangularSolve(a.operand, b.operand, options);
}

/** Unblocked Cholesky of `a` in place; `info` i32 `[1]` tells the pivot; see the kernel `choleskyPanel`. */
export const choleskyPanelInto = (a: Tensor, info: Tensor, pivotBase = 0): void =>
  a.backend.kernels.choleskyPanel(a.operand, info.operand, { pivotBase });

/** Unblocked Householder QR of `a` in place, `tau` `[n]`; see the kernel `qrPanel`. */
export const qrPanelInto = (a: Tensor, tau: Tensor): void =>
  a.backend.kernels.qrPanel(a.operand, tau.operand);

/** k steps of tridiagonalisation, where the backend has them; see the optional kernel `tridiagonalPanel`. */
export function tridiagonalPanelInto(a: Tensor, v: Tensor, w: Tensor, factors: Tensor): void {
  const kernel = a.backend.kernels.tridiagonalPanel;
  if (!kernel) throw new BackendError(`${a.backend.name} has no kernel tridiagonalPanel: reduce on the host`);
  kernel(a.operand, v.operand, w.operand, factors.operand);
}
