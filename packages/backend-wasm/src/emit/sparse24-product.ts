import type { Sparse24DType } from "@denoise-rotator/core";
import { i32, i32x4, int, threadArea, v128 } from "../assembler/expressions.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";
import type { GemmTile } from "../engine/features.js";
import { layout } from "../engine/layout.js";
import { defineSparse24Few } from "./sparse24-few.js";
import { rowsForm, stepBytes } from "./sparse24-form.js";
import { defineSparse24PackTokens, defineSparse24StoreSums } from "./sparse24-panels.js";
import { defineSparse24Tile, type Sparse24Tile, tileName, tilesOf } from "./sparse24-tile.js";
import { defineSparse24Unpack } from "./sparse24-unpack.js";

const { blockRows, codeBytes, stepInputs, stretch } = rowsForm;

export const rowsName = (dtype: Sparse24DType, tile: Sparse24Tile): string =>
  `sparse24Rows${4 * tile.vectors}_${dtype}`;

/** `sparse24Widen(weights, to, steps)`: steps of bf16 weights in f32. */
function defineWiden(m: ModuleBuilder): void {
  m.define("sparse24Widen", { weights: "i32", to: "i32", steps: "i32" }, (f, p) => {
    const pair = f.local("v128");
    const high = f.let(m.i32(-65536));
    f.repeat(p.steps, () => {
      for (let at = 0; at < codeBytes; at += 16) f.store(p.to, v128.load(p.weights, at), at);
      for (let i = 0; i < 16; i++) {
        const [group, four] = [i >> 2, i & 3];
        f.set(pair, v128.load(p.weights, codeBytes + 16 * i));
        const even = codeBytes + 16 * (8 * group + four);
        f.store(p.to, i32x4.shl(pair, 16), even);
        f.store(p.to, v128.and(pair, high), even + 64);
      }
      f.advance(p.weights, stepBytes("bf16"));
      f.advance(p.to, stepBytes("f32"));
    });
  });
}

/**
 * `sparse24Rows…(weights, allBlocks, firstBlock, steps, x, panels, out, outRow, rows, tokens)`: `rows` of W (whole blocks, but
 * for the last) from block `firstBlock` of `allBlocks` times `panels` of packed tokens, of which `tokens` count, into rows of
 * `out`. The thread's area takes the sums of all panels, at most `layout.packedABytes`, and widened weights of a stretch, at
 * most `layout.ownPackedBBytes`.
 */
function defineRows(m: ModuleBuilder, dtype: Sparse24DType, tile: Sparse24Tile): void {
  const width = 4 * tile.vectors;
  m.define(
    rowsName(dtype, tile),
    {
      weights: "i32",
      allBlocks: "i32",
      firstBlock: "i32",
      steps: "i32",
      x: "i32",
      panels: "i32",
      out: "i32",
      outRow: "i32",
      rows: "i32",
      tokens: "i32",
    },
    (f, p) => {
      const [weights, first, steps, x, sums, left] = f.locals("i32", 6);
      const panelBytes = f.let(i32.mul(p.steps, 4 * width * stepInputs));
      const blocks = f.let(i32.shrU(i32.add(p.rows, blockRows - 1), 4));
      const sumBytes = f.let(i32.mul(blocks, 4 * width * blockRows));
      f.setInt(first, 0);
      f.doWhile(
        () => {
          f.set(steps, i32.min(i32.sub(p.steps, first), stretch));
          f.set(weights, i32.add(p.weights, i32.mul(i32.mul(steps, p.firstBlock), stepBytes(dtype))));
          if (dtype === "bf16") {
            const to = f.let(i32.add(threadArea, layout.ownPackedB));
            m.call(f, "sparse24Widen", weights, to, i32.mul(steps, blocks));
            f.set(weights, to);
          }
          f.set(x, i32.add(p.x, i32.mul(first, 4 * width * stepInputs)));
          f.set(sums, i32.add(threadArea, layout.packedA));
          f.repeat(p.panels, () => {
            m.call(f, tileName(tile), weights, x, sums, blocks, steps, first);
            f.advance(x, panelBytes);
            f.advance(sums, sumBytes);
          });
          f.advance(p.weights, i32.mul(i32.mul(steps, p.allBlocks), stepBytes(dtype)));
          f.advance(first, steps);
        },
        () => i32.ltS(first, p.steps),
      );
      f.set(sums, i32.add(threadArea, layout.packedA));
      f.set(left, p.tokens);
      f.repeat(p.panels, () => {
        const count = f.let(i32.min(left, width));
        m.call(f, "sparse24StoreSums", sums, int(width), p.rows, count, p.out, p.outRow);
        f.advance(sums, sumBytes);
        f.advance(p.out, i32.mul(p.outRow, width));
        f.advance(left, -width);
      });
    },
  );
}

/** Products with 2:4-sparse weights. */
export function defineSparse24(m: ModuleBuilder, gemm: GemmTile): void {
  defineSparse24PackTokens(m);
  defineSparse24StoreSums(m);
  defineWiden(m);
  for (const dtype of ["f32", "bf16"] as const) {
    defineSparse24Few(m, dtype, gemm.separateSteps);
    defineSparse24Unpack(m, dtype);
  }
  for (const tile of tilesOf(gemm)) {
    defineSparse24Tile(m, tile);
    for (const dtype of ["f32", "bf16"] as const) defineRows(m, dtype, tile);
  }
}
