import type { MatmulOptions, Operand } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";
import { fillOperand, transposePlane } from "./copy.js";
import { gemm } from "./gemm.js";
import { addressOf } from "./scratch.js";
import { withTemporaries } from "./temporaries.js";

/** Rows of the result computed at a time. */
const bandRows = 512;

/**
 * `out = alpha·xᵀ·x (+ out)`. Each band of rows is computed from the diagonal to the right only and written, or added,
 * on both sides of the diagonal; the product is exactly symmetric.
 */
export function syrk(engine: Engine, x: Operand, out: Operand, { alpha, accumulate }: MatmulOptions): void {
  const [n, d] = x.shape as [number, number];
  if (d === 0) return;
  if (n === 0) {
    if (!accumulate) fillOperand(engine, out, 0);
    return;
  }
  withTemporaries(engine, (temporaries) => {
    // Either orientation will do, as long as one stride is 1.
    const source = x.strides[0] === 1 && x.strides[1] !== 1 ? x : temporaries.withUnitColumns(x);
    const transposed = source.strides[1] !== 1 && d > 1;
    const stride = transposed ? source.strides[1]! : source.strides[0]!;
    const columnStep = transposed ? stride : 1;
    const height = Math.min(bandRows, d);
    const band = temporaries.allocate(4 * height * d).address;
    const mirror = temporaries.allocate(4 * height * d).address;
    const { add_f32: add, copy4: copy } = engine.native as Record<string, (...args: number[]) => void>;
    const outRow = 4 * out.strides[0]!;
    const write = (from: number, fromRow: number, to: number, columns: number, rows: number) => {
      if (accumulate) add!(from, 16, fromRow, to, 16, outRow, to, outRow, columns, rows);
      else copy!(from, 16, fromRow, to, outRow, columns, rows);
    };
    for (let start = 0; start < d; start += height) {
      const rows = Math.min(height, d - start);
      const width = d - start;
      const address = addressOf(source) + 4 * start * columnStep;
      gemm(engine, {
        m: rows,
        n: width,
        k: n,
        a: { address, stride, transposed: !transposed },
        b: { address, stride, transposed },
        out: band,
        outStride: width,
        alpha,
        accumulate: false,
        triangle: "upper",
      });
      const bandRow = 4 * width;
      const diagonal = addressOf(out) + start * outRow + 4 * start;
      mirrorUpper(engine, band, width, rows);
      write(band, bandRow, diagonal, width, rows);
      const below = width - rows;
      if (below > 0) {
        const plane = { rows, columns: below, fromRow: bandRow, toRow: 4 * rows };
        transposePlane(engine, band + 4 * rows, mirror, plane);
        write(mirror, 4 * rows, diagonal + rows * outRow, rows, below);
      }
    }
  });
}

/** Copies the strict upper triangle of the leading square of `size` onto the lower one. */
function mirrorUpper(engine: Engine, start: number, stride: number, size: number): void {
  const { f32 } = engine.memory;
  const first = start >>> 2;
  for (let i = 0; i < size; i++) {
    for (let j = i + 1; j < size; j++) f32[first + j * stride + i] = f32[first + i * stride + j]!;
  }
}
