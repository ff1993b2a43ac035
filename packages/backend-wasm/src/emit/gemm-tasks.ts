import { f32, i32, int, threadArea } from "../assembler/expressions.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";
import type { GemmTile } from "../engine/features.js";
import { layout } from "../engine/layout.js";
import { defineGemmBlock, wholeParameters } from "./gemm.js";
import { defineFew } from "./gemm-few.js";
import { vectorBytes } from "./map.js";
import { definePackAcross, definePackAlong, packParameters } from "./pack.js";

/** Rows of A packed at once; with the depth they stay within the second cache. A multiple of `tile.rows`. */
export const blockRows = (tile: GemmTile): number => Math.floor(192 / tile.rows) * tile.rows;

/** What a factor is stored as. */
export type FactorType = "f32" | "f16" | "bf16";
const suffix = (dtype: FactorType): string => (dtype === "f32" ? "" : `_${dtype}`);

/** The packing kernel of a factor. */
export const packName = (factor: "A" | "B", transposed: boolean, dtype: FactorType = "f32"): string =>
  `pack${transposed ? "Columns" : "Rows"}Of${factor}${suffix(dtype)}`;
/** The kernel that packs a block of A and multiplies it with packed B. */
export const multiplyName = (transposed: boolean, dtype: FactorType = "f32"): string =>
  `multiply${transposed ? "Columns" : "Rows"}OfA${suffix(dtype)}`;
/** The kernel that does a whole small product. */
export const wholeName = (aTransposed: boolean, bTransposed: boolean): string =>
  `product${aTransposed ? "T" : "N"}${bTransposed ? "T" : "N"}`;

/**
 * `multiply…OfA(a, aRow, rows, depth, paddedDepth, alpha, b, columns, out, outRow, accumulate)`: packs alpha times
 * `rows` rows of A into the thread's area and multiplies them with packed B.
 */
function defineMultiply(m: ModuleBuilder, transposed: boolean, dtype: FactorType): void {
  m.define(
    multiplyName(transposed, dtype),
    {
      a: "i32",
      aRow: "i32",
      rows: "i32",
      depth: "i32",
      paddedDepth: "i32",
      alpha: "f32",
      b: "i32",
      columns: "i32",
      out: "i32",
      outRow: "i32",
      accumulate: "i32",
    },
    (f, p) => {
      const packed = f.let(i32.add(threadArea, layout.packedA));
      const pack = packName("A", transposed, dtype);
      m.call(f, pack, p.a, p.aRow, packed, p.rows, p.depth, p.paddedDepth, p.alpha);
      m.call(f, "gemmBlock", packed, p.b, p.out, p.outRow, p.rows, p.columns, p.paddedDepth, p.accumulate);
    },
  );
}

/**
 * `product…(a, aRow, b, bRow, out, outRow, rows, columns, depth, stretch, alpha, accumulate)`: a whole product on one
 * thread. `stretch` steps along k at a time are packed, B into the thread's area: at most `layout.ownPackedBBytes`.
 */
function defineWhole(m: ModuleBuilder, tile: GemmTile, aTransposed: boolean, bTransposed: boolean): void {
  m.define(wholeName(aTransposed, bTransposed), wholeParameters, (f, p) => {
    const packed = f.let(i32.add(threadArea, layout.ownPackedB));
    const [steps, padded, left, height, a, out] = f.locals("i32", 6);
    const most = blockRows(tile);
    f.doWhile(
      () => {
        f.set(steps, i32.min(p.depth, p.stretch));
        f.set(padded, i32.and(i32.add(steps, tile.unroll - 1), -tile.unroll));
        m.call(f, packName("B", bTransposed), p.b, p.bRow, packed, p.columns, steps, padded, f32.const(1));
        f.set(a, p.a);
        f.set(out, p.out);
        f.set(left, p.rows);
        f.doWhile(
          () => {
            f.set(height, i32.min(left, most));
            m.call(
              f,
              multiplyName(aTransposed),
              ...[a, p.aRow, height, steps, padded, p.alpha],
              ...[packed, p.columns, out, p.outRow, p.accumulate],
            );
            f.advance(a, aTransposed ? i32.mul(height, 4) : i32.mul(height, p.aRow));
            f.advance(out, i32.mul(height, p.outRow));
            f.advance(left, -most);
          },
          () => i32.gtS(left, 0),
        );
        f.advance(p.a, aTransposed ? i32.mul(steps, p.aRow) : i32.mul(steps, 4));
        f.advance(p.b, bTransposed ? i32.mul(steps, 4) : i32.mul(steps, p.bRow));
        f.setInt(p.accumulate, 1);
        f.advance(p.depth, i32.sub(0, steps));
      },
      () => i32.gtS(p.depth, 0),
    );
  });
}

/**
 * `pack…_f16`, `pack…_bf16` (parameters as in `pack.ts`): unpacks the block to f32 in the thread's area, at most
 * `layout.ownPackedBBytes`, and packs it from there.
 */
function definePackHalf(m: ModuleBuilder, factor: "A" | "B", transposed: boolean, dtype: FactorType): void {
  m.define(packName(factor, transposed, dtype), packParameters, (f, p) => {
    // Rows of A and columns of B are the panels' lines.
    const across = transposed === (factor === "B");
    const [rows, columns] = across ? [p.lines, p.depth] : [p.depth, p.lines];
    const unpacked = f.let(i32.add(threadArea, layout.ownPackedB));
    const row = f.let(i32.shl(columns, 2));
    const step = int(vectorBytes("half"));
    m.call(f, `cast_${dtype}_f32`, p.from, step, p.fromRow, unpacked, row, columns, rows);
    const pack = packName(factor, transposed);
    m.call(f, pack, unpacked, row, p.to, p.lines, p.depth, p.paddedDepth, p.alpha);
  });
}

/** Everything the matrix product runs on; the casts of halves to f32 are defined before. */
export function defineGemm(m: ModuleBuilder, tile: GemmTile): void {
  defineGemmBlock(m, tile);
  definePackAcross(m, packName("A", false), tile.rows);
  definePackAlong(m, packName("A", true), tile.rows);
  definePackAlong(m, packName("B", false), tile.columns);
  definePackAcross(m, packName("B", true), tile.columns);
  for (const transposed of [false, true]) {
    defineMultiply(m, transposed, "f32");
    for (const dtype of ["f16", "bf16"] as const) {
      for (const factor of ["A", "B"] as const) definePackHalf(m, factor, transposed, dtype);
      defineMultiply(m, transposed, dtype);
    }
  }
  for (const aTransposed of [false, true]) {
    for (const bTransposed of [false, true]) defineWhole(m, tile, aTransposed, bTransposed);
  }
  defineFew(m, tile);
}
