import type { Sparse24DType } from "@denoise-rotator/core";
import { i32, i32x4, int, threadArea, v128 } from "../assembler/expressions.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";
import type { GemmTile } from "../engine/features.js";
import { layout } from "../engine/layout.js";
import { defineSparse24Few } from "./sparse24-few.js";
import {
  ownCodes,
  rowsForm,
  type Sparse24Arrangement,
  sharedByFour,
  sharedBySixteen,
  stepBytes,
} from "./sparse24-form.js";
import { defineSparse24PackTokens, defineSparse24StoreSums } from "./sparse24-panels.js";
import { defineSharedFew } from "./sparse24-shared-few.js";
import { defineSharedTile, sharedTileName, sharedTilesOf } from "./sparse24-shared-tile.js";
import { defineSparse24Tile, tileName, tilesOf } from "./sparse24-tile.js";
import { defineSparse24Unpack } from "./sparse24-unpack.js";

const { blockRows, stepInputs, stretch } = rowsForm;

/** How many tokens, in vectors of four, a panel has. */
export interface Width {
  readonly vectors: number;
}

export const rowsName = (dtype: Sparse24DType, { vectors }: Width, { kind }: Sparse24Arrangement): string =>
  `sparse24${kind}Rows${4 * vectors}_${dtype}`;

const widenName = ({ kind }: Sparse24Arrangement): string => `sparse24${kind}Widen`;

/** `sparse24…Widen(weights, to, steps)`: steps of bf16 weights in f32. */
function defineWiden(m: ModuleBuilder, arrangement: Sparse24Arrangement): void {
  const { codeBytes } = arrangement;
  m.define(widenName(arrangement), { weights: "i32", to: "i32", steps: "i32" }, (f, p) => {
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
      f.advance(p.weights, stepBytes("bf16", arrangement));
      f.advance(p.to, stepBytes("f32", arrangement));
    });
  });
}

/**
 * `sparse24Rows…(weights, allBlocks, firstBlock, steps, x, panels, out, outRow, rows, tokens)`: `rows` of W (whole blocks, but
 * for the last) from block `firstBlock` of `allBlocks` times `panels` of packed tokens, of which `tokens` count, into rows of
 * `out`. The thread's area takes the sums of all panels, at most `layout.packedABytes`, and widened weights of a stretch, at
 * most `layout.ownPackedBBytes`.
 */
function defineRows(
  m: ModuleBuilder,
  dtype: Sparse24DType,
  tile: Width & { readonly name: string },
  arrangement: Sparse24Arrangement,
): void {
  const width = 4 * tile.vectors;
  const bytes = stepBytes(dtype, arrangement);
  m.define(
    rowsName(dtype, tile, arrangement),
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
          f.set(weights, i32.add(p.weights, i32.mul(i32.mul(steps, p.firstBlock), bytes)));
          if (dtype === "bf16") {
            const to = f.let(i32.add(threadArea, layout.ownPackedB));
            m.call(f, widenName(arrangement), weights, to, i32.mul(steps, blocks));
            f.set(weights, to);
          }
          f.set(x, i32.add(p.x, i32.mul(first, 4 * width * stepInputs)));
          f.set(sums, i32.add(threadArea, layout.packedA));
          f.repeat(p.panels, () => {
            m.call(f, tile.name, weights, x, sums, blocks, steps, first);
            f.advance(x, panelBytes);
            f.advance(sums, sumBytes);
          });
          f.advance(p.weights, i32.mul(i32.mul(steps, p.allBlocks), bytes));
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
  const dtypes = ["f32", "bf16"] as const;
  defineSparse24PackTokens(m);
  defineSparse24StoreSums(m);
  for (const dtype of dtypes) {
    defineSparse24Few(m, dtype, gemm.separateSteps);
    defineSharedFew(m, dtype, sharedByFour, gemm.separateSteps);
    defineSharedFew(m, dtype, sharedBySixteen, gemm.separateSteps);
  }
  for (const arrangement of [ownCodes, sharedByFour]) {
    defineWiden(m, arrangement);
    for (const dtype of dtypes) defineSparse24Unpack(m, dtype, arrangement);
  }
  for (const tile of tilesOf(gemm)) {
    defineSparse24Tile(m, tile);
    for (const dtype of dtypes) defineRows(m, dtype, { ...tile, name: tileName(tile) }, ownCodes);
  }
  for (const tile of sharedTilesOf(gemm)) {
    defineSharedTile(m, tile);
    for (const dtype of dtypes) defineRows(m, dtype, { ...tile, name: sharedTileName(tile) }, sharedByFour);
  }
}
