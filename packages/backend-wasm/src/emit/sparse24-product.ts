import type { Sparse24DType } from "@denoise-rotator/core";
import { type I32, i32, i32x4, int, type Local, select, threadArea, v128 } from "../assembler/expressions.js";
import type { FunctionBuilder } from "../assembler/function-builder.js";
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
import { defineSparse24Tile, tileName, tilesOf, touchedBytes } from "./sparse24-tile.js";
import { defineSparse24Unpack } from "./sparse24-unpack.js";

const { blockRows, stepInputs, stretch } = rowsForm;

/** A pass of an inner loop: rows of W by vectors of four tokens. */
export interface PanelTile {
  readonly vectors: number;
  readonly rows: number;
}

export const rowsName = (dtype: Sparse24DType, { kind }: Sparse24Arrangement): string =>
  `sparse24${kind}Rows_${dtype}`;

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

type NamedTile = PanelTile & { readonly name: string };

/**
 * `sparse24…Rows_…(weights, allBlocks, firstBlock, steps, x, panels…, out, outRow, rows, tokens)`: `rows` of W (whole blocks,
 * but for the last) from block `firstBlock` of `allBlocks` times packed panels for each of the tiles, of which `tokens`
 * count, into rows of `out`. The thread's area takes the sums of all panels, at most
 * `layout.packedABytes`, and of several panels widened weights of a stretch, at most `layout.ownPackedBBytes`.
 *
 * The first panel fetches weights from memory, block by block, for all.
 */
function defineRows(
  m: ModuleBuilder,
  dtype: Sparse24DType,
  tiles: readonly NamedTile[],
  arrangement: Sparse24Arrangement,
): void {
  const bytes = stepBytes(dtype, arrangement);
  m.define(
    rowsName(dtype, arrangement),
    {
      weights: "i32",
      allBlocks: "i32",
      firstBlock: "i32",
      steps: "i32",
      x: "i32",
      ...Object.fromEntries(tiles.map((tile) => [tile.name, "i32"] as const)),
      out: "i32",
      outRow: "i32",
      rows: "i32",
      tokens: "i32",
    },
    (f, p) => {
      const [weights, ahead, first, steps, blockBytes, x, sums, left] = f.locals("i32", 8);
      const start = f.let(p.weights);
      const end = f.let(i32.add(start, i32.mul(i32.mul(p.allBlocks, p.steps), bytes)));
      const blocks = f.let(i32.shrU(i32.add(p.rows, blockRows - 1), 4));
      const counts = tiles.map((tile) => (p as Readonly<Record<string, Local<"i32">>>)[tile.name]!);
      const panels = f.let(counts.reduce<I32>((sum, count) => i32.add(sum, count), int(0)));
      const kinds = tiles.map((tile, i) => {
        const width = 4 * tile.vectors;
        return {
          ...{ name: tile.name, width, count: counts[i]!, blockSums: 4 * width * blockRows },
          aheadStep: int(touchedBytes(tile, bytes)),
          panelBytes: f.let(i32.mul(p.steps, 4 * width * stepInputs)),
          sumBytes: f.let(i32.mul(blocks, 4 * width * blockRows)),
        };
      });
      const widening = dtype === "bf16" ? defineWidening(m, f, arrangement, panels) : undefined;
      f.setInt(first, 0);
      f.doWhile(
        () => {
          f.set(steps, i32.min(i32.sub(p.steps, first), stretch));
          f.set(blockBytes, i32.mul(steps, bytes));
          f.set(weights, i32.add(p.weights, i32.mul(p.firstBlock, blockBytes)));
          f.advance(p.weights, i32.mul(p.allBlocks, blockBytes));
          // Behind this comes the task's part of the next stretch or, after the last, the next task's of the first.
          const following = i32.min(i32.sub(i32.sub(p.steps, first), steps), stretch);
          const another = i32.mul(i32.add(p.firstBlock, blocks), i32.min(p.steps, stretch));
          f.set(ahead, i32.add(p.weights, i32.mul(i32.mul(p.firstBlock, following), bytes)));
          f.if(i32.eqz(following), () => f.set(ahead, i32.add(start, i32.mul(another, bytes))));
          // A block's bytes from there are touched: all of W.
          f.advance(ahead, i32.min(i32.sub(i32.sub(end, blockBytes), ahead), 0));
          f.set(left, panels);
          f.set(x, p.x);
          f.set(sums, i32.add(threadArea, layout.packedA));
          for (const { name, width, count, blockSums, aheadStep, panelBytes, sumBytes } of kinds) {
            f.repeat(count, () => {
              const from = f.let(i32.add(x, i32.mul(first, 4 * width * stepInputs)));
              const multiply = (weights: I32, sums: I32, blocks: I32, ahead: I32) =>
                m.call(f, name, weights, from, sums, blocks, steps, first, ahead, aheadStep);
              f.advance(left, -1);
              if (!widening) multiply(weights, sums, blocks, select(weights, ahead, left));
              else {
                const whole = { weights, sums, blocks, blockSums, steps, blockBytes };
                f.if(
                  i32.eq(i32.add(left, 1), panels),
                  () => widening.first(whole, select(widening.start, ahead, left), multiply),
                  () => multiply(widening.start, sums, blocks, select(widening.start, ahead, left)),
                );
              }
              f.advance(x, panelBytes);
              f.advance(sums, sumBytes);
            });
          }
          f.advance(first, steps);
        },
        () => i32.ltS(first, p.steps),
      );
      f.set(sums, i32.add(threadArea, layout.packedA));
      f.set(left, p.tokens);
      for (const { width, count, sumBytes } of kinds) {
        f.repeat(count, () => {
          const tokens = f.let(i32.min(left, width));
          m.call(f, "sparse24StoreSums", sums, int(width), p.rows, tokens, p.out, p.outRow);
          f.advance(sums, sumBytes);
          f.advance(p.out, i32.mul(p.outRow, width));
          f.advance(left, -width);
        });
      }
    },
  );
}

interface BlocksOfWeights {
  readonly weights: Local<"i32">;
  readonly sums: Local<"i32">;
  readonly blocks: Local<"i32">;
  /** Bytes of a block's sums. */
  readonly blockSums: number;
  readonly steps: Local<"i32">;
  /** Of a block of weights. */
  readonly blockBytes: Local<"i32">;
}

/** The first panel multiplies each block as soon as it is widened; those after it, if any, find all of them at `start`. */
function defineWidening(
  m: ModuleBuilder,
  f: FunctionBuilder,
  arrangement: Sparse24Arrangement,
  panels: Local<"i32">,
) {
  const start = f.let(i32.add(threadArea, layout.ownPackedB));
  const [from, to, sums, end] = f.locals("i32", 4);
  const several = f.let(i32.gtS(panels, 1));
  const first = (
    whole: BlocksOfWeights,
    ahead: I32,
    multiply: (weights: I32, sums: I32, blocks: I32, ahead: I32) => void,
  ) => {
    f.set(from, whole.weights);
    f.set(to, start);
    f.set(sums, whole.sums);
    f.set(end, i32.add(from, i32.mul(whole.blocks, whole.blockBytes)));
    f.repeat(whole.blocks, () => {
      m.call(f, widenName(arrangement), from, to, whole.steps);
      f.advance(from, whole.blockBytes);
      multiply(to, sums, int(1), select(ahead, from, i32.eq(from, end)));
      f.advance(to, i32.mul(several, i32.mul(whole.steps, stepBytes("f32", arrangement))));
      f.advance(sums, whole.blockSums);
    });
  };
  return { start, first };
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
  const [own, shared] = [tilesOf(gemm), sharedTilesOf(gemm)];
  for (const tile of own) defineSparse24Tile(m, tile);
  for (const tile of shared) defineSharedTile(m, tile);
  const named = own.map((tile) => ({ ...tile, name: tileName(tile) }));
  const namedShared = shared.map((tile) => ({ ...tile, name: sharedTileName(tile) }));
  for (const dtype of dtypes) {
    defineRows(m, dtype, named, ownCodes);
    defineRows(m, dtype, namedShared, sharedByFour);
  }
}
