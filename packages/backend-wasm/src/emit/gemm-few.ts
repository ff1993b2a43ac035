import { i32, type Local, threadArea, v128 } from "../assembler/expressions.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";
import type { GemmTile } from "../engine/features.js";
import { layout } from "../engine/layout.js";
import { multiplyAdd, storeEdge, storeTile, wholeParameters } from "./gemm.js";
import { definePackAcross, definePackAlong } from "./pack.js";

/** Most rows of a product that reads B where it lies. */
export const fewRows = 8;
/** Rows held in registers. */
const panelRows = 4;
/** Steps along k in one round of the loop. */
const unroll = 2;

/** The kernel of a product with few rows and B row-major. */
export const fewName = (aTransposed: boolean): string => (aTransposed ? "fewColumnsOfA" : "fewRowsOfA");
const packFewName = (aTransposed: boolean): string => `pack_${fewName(aTransposed)}`;

/**
 * `few…OfA(a, aRow, b, bRow, out, outRow, rows, columns, depth, stretch, alpha, accumulate)`: as `product…` of
 * `gemm-tasks.ts`, with the same sums, for at most a few panels of rows: packing B would take longer than the product.
 */
function defineFewRows(m: ModuleBuilder, { columns, fma }: GemmTile, aTransposed: boolean): void {
  const tile = { rows: panelRows, columns, fma };
  m.define(fewName(aTransposed), wholeParameters, (f, p) => {
    const acc = Array.from({ length: panelRows }, () => f.locals("v128", columns / 4) as Local<"v128">[]);
    const right = f.locals("v128", columns / 4);
    const left = f.local("v128");
    const packed = f.let(i32.add(threadArea, layout.packedA));
    const [steps, width, strip, target] = f.locals("i32", 4);
    const [a, b, to, rows, k] = f.locals("i32", 5);
    const step = () => {
      right.forEach((vector, i) => {
        f.set(vector, v128.load(b, 16 * i));
      });
      acc.forEach((row, index) => {
        f.set(left, v128.load32Splat(a, 4 * index));
        row.forEach((sum, i) => {
          f.set(sum, multiplyAdd(tile, left, right[i]!, sum));
        });
      });
      f.advance(a, 4 * panelRows);
      f.advance(b, p.bRow);
    };
    const multiplyPanel = () => {
      for (const row of acc) for (const sum of row) f.set(sum, v128.zero);
      f.set(b, strip);
      f.set(k, steps);
      f.while(
        () => i32.geS(k, unroll),
        () => {
          for (let i = 0; i < unroll; i++) step();
          f.advance(k, -unroll);
        },
      );
      f.repeat(k, step);
      f.if(
        i32.and(i32.geS(rows, panelRows), i32.geS(width, columns)),
        () => storeTile(f, acc, to, p.outRow, p.accumulate),
        () => storeEdge(f, tile, acc, to, p.outRow, p.accumulate, rows, width),
      );
    };
    f.doWhile(
      () => {
        f.set(steps, i32.min(p.depth, p.stretch));
        m.call(f, packFewName(aTransposed), p.a, p.aRow, packed, p.rows, steps, steps, p.alpha);
        f.set(strip, p.b);
        f.set(target, p.out);
        f.set(width, p.columns);
        f.doWhile(
          () => {
            f.set(a, packed);
            f.set(to, target);
            f.set(rows, p.rows);
            f.doWhile(
              () => {
                multiplyPanel();
                f.advance(to, i32.mul(p.outRow, panelRows));
                f.advance(rows, -panelRows);
              },
              () => i32.gtS(rows, 0),
            );
            f.advance(strip, 4 * columns);
            f.advance(target, 4 * columns);
            f.advance(width, -columns);
          },
          () => i32.gtS(width, 0),
        );
        f.advance(p.a, aTransposed ? i32.mul(steps, p.aRow) : i32.mul(steps, 4));
        f.advance(p.b, i32.mul(steps, p.bRow));
        f.setInt(p.accumulate, 1);
        f.advance(p.depth, i32.sub(0, steps));
      },
      () => i32.gtS(p.depth, 0),
    );
  });
}

/** Products with few rows, A in either orientation. */
export function defineFew(m: ModuleBuilder, tile: GemmTile): void {
  definePackAcross(m, packFewName(false), panelRows);
  definePackAlong(m, packFewName(true), panelRows);
  for (const aTransposed of [false, true]) defineFewRows(m, tile, aTransposed);
}
