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
