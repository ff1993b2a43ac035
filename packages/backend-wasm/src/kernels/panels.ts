import type { Operand } from "@denoise-rotator/core";
import { dotStep } from "../emit/cholesky.js";
import type { Engine } from "../engine/engine.js";
import { addressOf } from "./scratch.js";
import { withTemporaries } from "./temporaries.js";

/** Cholesky with sums in f64, in place. */
export function choleskyPanel(engine: Engine, a: Operand, info: Operand, pivotBase: number): void {
  const n = a.shape[0]!;
  const stride = a.strides[0]!;
  const start = addressOf(a);
  withTemporaries(engine, (temporaries) => {
    const width = Math.ceil(n / dotStep) * dotStep;
    const wide = temporaries.allocate(8 * n * width).address;
    const failed = temporaries.allocate(4).address;
    const { f32, i32 } = engine.memory;
    f32.fill(0, wide >>> 2, (wide >>> 2) + 2 * n * width);
    i32[failed >>> 2] = -1;
    engine.native.choleskyPanel!(start, 4 * stride, n, wide, 8 * width, failed);
    const pivot = i32[failed >>> 2]!;
    if (pivot < 0) return;
    const at = addressOf(info) >>> 2;
    if (i32[at] === 0) i32[at] = pivotBase + pivot + 1;
    for (let i = pivot; i < n; i++) {
      const row = (start >>> 2) + i * stride;
      f32.fill(Number.NaN, row + pivot, row + i + 1);
    }
  });
}
