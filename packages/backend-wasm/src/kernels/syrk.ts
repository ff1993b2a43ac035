import type { MatmulOptions, Operand } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";
import { parallel, splitEvenly, taskCount } from "../threads/parallel.js";
import { fillOperand, transposePlane } from "./copy.js";
import { gemm, type Product } from "./gemm.js";
import { addressOf } from "./scratch.js";
import { type Temporaries, withTemporaries } from "./temporaries.js";

/**
 * `out = alpha·xᵀ·x (+ out)`. Only tiles on the diagonal and to the right of it are computed; the rest mirrors them, so
 * the product is exactly symmetric.
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
    const product: Product = {
      m: d,
      n: d,
      k: n,
      a: { address: addressOf(source), stride, transposed: !transposed },
      b: { address: addressOf(source), stride, transposed },
      out: addressOf(out),
      outStride: d === 1 ? 1 : out.strides[0]!,
      alpha,
      accumulate: false,
      triangle: "upper",
    };
    if (accumulate) accumulateBands(engine, temporaries, product);
    else {
      gemm(engine, product);
      mirrorUpper(engine, product.out, 4 * product.outStride, d);
    }
  });
}

/** Rows computed at a time where the product is added to what is there. */
const bandRows = 512;

/** Adds the product to `out` on both sides of the diagonal, by way of bands of rows from the diagonal on. */
function accumulateBands(engine: Engine, temporaries: Temporaries, product: Product): void {
  const { m: d, a, b } = product;
  const height = Math.min(bandRows, d);
  const band = temporaries.allocate(4 * height * d).address;
  const mirror = temporaries.allocate(4 * height * d).address;
  const outRow = 4 * product.outStride;
  const add = (from: number, fromRow: number, to: number, columns: number, rows: number) =>
    engine.native.add_f32!(from, 16, fromRow, to, 16, outRow, to, outRow, columns, rows);
  for (let start = 0; start < d; start += height) {
    const rows = Math.min(height, d - start);
    const width = d - start;
    const offset = 4 * start * (b.transposed ? b.stride : 1);
    gemm(engine, {
      ...product,
      m: rows,
      n: width,
      a: { ...a, address: a.address + offset },
      b: { ...b, address: b.address + offset },
      out: band,
      outStride: width,
    });
    mirrorUpper(engine, band, 4 * width, rows);
    const diagonal = product.out + start * outRow + 4 * start;
    add(band, 4 * width, diagonal, width, rows);
    const below = width - rows;
    if (below > 0) {
      const plane = { rows, columns: below, fromRow: 4 * width, toRow: 4 * rows };
      transposePlane(engine, band + 4 * rows, mirror, plane);
      add(mirror, 4 * rows, diagonal + rows * outRow, rows, below);
    }
  }
}

/** Nanoseconds to mirror an element. */
const mirroringCost = 0.5;

/** Copies the strict upper triangle of the square of `size` that starts there onto the lower one. */
function mirrorUpper(engine: Engine, matrix: number, row: number, size: number): void {
  const cost = (mirroringCost * size * size) / 2;
  const tasks = splitEvenly(size, taskCount(engine, cost), 4).map(([first, rows]) => [
    matrix,
    row,
    first,
    rows,
  ]);
  // Later rows are longer; starting with them, threads end together.
  parallel(engine, "mirrorRows", tasks.reverse(), cost);
}
