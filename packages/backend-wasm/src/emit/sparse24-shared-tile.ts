import { i32, type Local, select, v128 } from "../assembler/expressions.js";
import type { FunctionBuilder } from "../assembler/function-builder.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";
import type { GemmTile } from "../engine/features.js";
import { exitsBetweenSums } from "./exits-between-sums.js";
import { rowsForm, sharedByFour, stepBytes } from "./sparse24-form.js";
import { type RowCursors, storeSums } from "./sparse24-tile.js";

const { blockRows, slots, stepInputs } = rowsForm;
const { codeBytes } = sharedByFour;
const bytes = stepBytes("f32", sharedByFour);

/** What one pass of the inner loop holds in registers: sums of tokens in the lanes of `vectors`, for `rows` rows of W. */
export interface SharedTile {
  readonly vectors: number;
  readonly rows: 2 | 4;
  /** {@link GemmTile.separateSteps}: never-taken exits after every eight multiply-adds. */
  readonly separateSums: boolean;
}

/** The tiles that are fastest on the engine, wide and narrow. */
export const sharedTilesOf = ({ separateSteps: separateSums }: GemmTile): readonly SharedTile[] =>
  separateSums
    ? [
        { vectors: 4, rows: 2, separateSums },
        { vectors: 2, rows: 4, separateSums },
      ]
    : [
        { vectors: 6, rows: 2, separateSums },
        { vectors: 4, rows: 2, separateSums },
      ];

export const sharedTileName = ({ vectors }: SharedTile): string => `sparse24SharedTile${4 * vectors}`;

/**
 * `sparse24SharedTile…(weights, x, sums, blocks, steps, accumulate, ahead, aheadStep)`: as `sparse24Tile…`, for rows that share their positions by
 * fours, to the same sums.
 *
 * A row of the panel, once loaded, serves all rows of the tile: fewer loads than multiply-adds.
 */
export function defineSharedTile(m: ModuleBuilder, tile: SharedTile): void {
  m.define(
    sharedTileName(tile),
    {
      weights: "i32",
      x: "i32",
      sums: "i32",
      blocks: "i32",
      steps: "i32",
      accumulate: "i32",
      ahead: "i32",
      aheadStep: "i32",
    },
    (f, p) => {
      const sums = Array.from({ length: tile.rows }, () => f.locals("v128", tile.vectors) as Local<"v128">[]);
      const [row, codes, values, x, left, touch] = f.locals("i32", 6);
      const blockBytes = f.let(i32.mul(p.steps, bytes));
      const end = f.let(i32.add(p.weights, i32.mul(p.blocks, blockBytes)));
      f.repeat(p.blocks, () => {
        const next = i32.add(p.weights, blockBytes);
        f.set(touch, select(p.ahead, next, i32.eq(next, end)));
        f.setInt(row, 0);
        f.doWhile(
          () => {
            f.set(codes, i32.add(p.weights, i32.and(row, -4)));
            f.set(values, i32.add(p.weights, i32.shl(row, 2)));
            f.set(x, p.x);
            f.set(left, p.steps);
            multiplyRows(m, f, tile, sums, { codes, values, x, left, touch, touchStep: p.aheadStep });
            storeSums(f, sums.flat(), p.sums, p.accumulate);
            f.advance(row, tile.rows);
          },
          () => i32.ltS(row, blockRows),
        );
        f.advance(p.weights, blockBytes);
      });
    },
  );
}

function multiplyRows(
  m: ModuleBuilder,
  f: FunctionBuilder,
  { vectors, separateSums }: SharedTile,
  sums: readonly (readonly Local<"v128">[])[],
  { codes, values, x, left, touch, touchStep }: RowCursors,
): void {
  const panelRow = 16 * vectors;
  const [code, next, at, touched] = f.locals("i32", 4);
  const weights = f.locals("v128", sums.length);
  const line = f.local("v128");
  for (const row of sums) for (const sum of row) f.set(sum, v128.zero);
  f.set(next, i32.load(codes));
  f.block((exit) => {
    const separate = separateSums ? exitsBetweenSums(f, exit, left, 8) : () => {};
    const multiplySlot = (slot: number) => {
      f.set(at, i32.add(x, i32.mul(i32.and(i32.shrU(code, 4 * slot), 3), panelRow)));
      for (let vector = 0; vector < vectors; vector++) {
        sums.forEach((row, r) => {
          separate();
          if (vector === 0) f.set(weights[r]!, v128.load32Splat(values, codeBytes + 64 * slot + 4 * r));
          if (r === 0) f.set(line, v128.load(at, 4 * panelRow * (slot >> 1) + 16 * vector));
          f.set(row[vector]!, m.madd(weights[r]!, line, row[vector]!));
        });
      }
    };
    f.doWhile(
      () => {
        f.set(code, next);
        f.set(next, i32.load(codes, bytes));
        for (let slot = 0; slot < slots; slot++) {
          multiplySlot(slot);
          if (slot !== slots - 1 && (sums.length !== 4 || slot !== slots / 2 - 1)) continue;
          f.set(touched, i32.load(touch));
          f.advance(touch, touchStep);
        }
        f.advance(codes, bytes);
        f.advance(values, bytes);
        f.advance(x, stepInputs * panelRow);
        f.advance(left, -1);
      },
      () => left,
    );
  });
}
