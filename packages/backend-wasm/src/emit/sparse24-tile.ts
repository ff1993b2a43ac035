import { f32x4, type I32, i32, type Local, select, v128 } from "../assembler/expressions.js";
import type { FunctionBuilder } from "../assembler/function-builder.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";
import type { GemmTile } from "../engine/features.js";
import { exitsBetweenSums } from "./exits-between-sums.js";
import { ownCodes, rowsForm, stepBytes } from "./sparse24-form.js";

const { blockRows, fours, slots, stepInputs } = rowsForm;
const { codeBytes } = ownCodes;
const bytes = stepBytes("f32");

/** What one pass of the inner loop holds in registers: sums of tokens in the lanes of `vectors`, for `rows` rows of W. */
export interface Sparse24Tile {
  readonly vectors: number;
  readonly rows: 1 | 2 | 4;
  /** Weights of so many rows come in one load and are broadcast from it: loads are what there are too many of. */
  readonly weightsAtOnce: 1 | 2 | 4;
  /** {@link GemmTile.separateSteps}: never-taken exits after every four multiply-adds. */
  readonly separateSums: boolean;
}

/** The tiles that are fastest on the engine, widest first. */
export const tilesOf = ({ separateSteps: separateSums }: GemmTile): readonly Sparse24Tile[] =>
  separateSums
    ? [
        { vectors: 8, rows: 1, weightsAtOnce: 1, separateSums },
        { vectors: 4, rows: 2, weightsAtOnce: 1, separateSums },
        { vectors: 2, rows: 4, weightsAtOnce: 4, separateSums },
        { vectors: 1, rows: 4, weightsAtOnce: 4, separateSums },
      ]
    : [
        { vectors: 6, rows: 2, weightsAtOnce: 2, separateSums },
        { vectors: 4, rows: 2, weightsAtOnce: 2, separateSums },
      ];

export const tileName = ({ vectors }: Sparse24Tile): string => `sparse24Tile${4 * vectors}`;

/**
 * `sparse24Tile…(weights, x, sums, blocks, steps, accumulate, ahead, aheadStep)`: consecutive blocks of `steps` f32 steps
 * times a panel of x `[16·steps][4·vectors]`, added to or put into sums `[16·blocks][4·vectors]`.
 *
 * Every kept weight, broadcast, meets the row of the panel that its position names. One load for each multiply-add bounds
 * the speed, so nothing may keep loads waiting: codes are read half a step before they are used, and weights touched a
 * block before, evenly, so that the processor fetches from memory all the time: the first rows would else ask for a block
 * at once, the others for nothing. During the last block that is `ahead`, where the next call will read: `aheadStep` bytes
 * further at each touch: {@link touchedBytes}.
 */
export function defineSparse24Tile(m: ModuleBuilder, tile: Sparse24Tile): void {
  m.define(
    tileName(tile),
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
      const [four, codes, values, x, left, touch, end] = f.locals("i32", 7);
      const blockBytes = f.let(i32.mul(p.steps, bytes));
      f.set(end, i32.add(p.weights, i32.mul(p.blocks, blockBytes)));
      f.repeat(p.blocks, () => {
        const next = i32.add(p.weights, blockBytes);
        f.set(touch, select(p.ahead, next, i32.eq(next, end)));
        f.setInt(four, 0);
        f.doWhile(
          () => {
            for (let lane = 0; lane < 4; lane += tile.rows) {
              f.set(codes, i32.add(p.weights, i32.shl(four, 3)));
              f.set(values, i32.add(p.weights, i32.shl(four, 4)));
              f.set(x, p.x);
              f.set(left, p.steps);
              const cursors = { codes, values, x, left, touch, touchStep: p.aheadStep };
              multiplyRows(m, f, tile, sums, lane, cursors);
              storeSums(f, sums.flat(), p.sums, p.accumulate);
            }
            f.advance(four, 1);
          },
          () => i32.ltS(four, fours),
        );
        f.advance(p.weights, blockBytes);
      });
    },
  );
}

/** Puts sums at `to`, or adds them to what is there, and moves `to` behind them. */
export function storeSums(
  f: FunctionBuilder,
  sums: readonly Local<"v128">[],
  to: Local<"i32">,
  accumulate: Local<"i32">,
): void {
  f.if(accumulate, () => {
    sums.forEach((sum, i) => {
      f.set(sum, f32x4.add(v128.load(to, 16 * i), sum));
    });
  });
  sums.forEach((sum, i) => {
    f.store(to, sum, 16 * i);
  });
  f.advance(to, 16 * sums.length);
}

/** Where a pass of the inner loop reads. */
export interface RowCursors {
  /** Of four rows. */
  readonly codes: Local<"i32">;
  readonly values: Local<"i32">;
  readonly x: Local<"i32">;
  /** Steps to do. */
  readonly left: Local<"i32">;
  /** What is touched, and how much further at every step. */
  readonly touch: Local<"i32">;
  readonly touchStep: Local<"i32">;
}

/** Rows from place `lane` of the four: bits 2·lane of the bytes of codes, lane `lane` of the vectors of values. */
function multiplyRows(
  m: ModuleBuilder,
  f: FunctionBuilder,
  { rows, weightsAtOnce, separateSums }: Sparse24Tile,
  sums: readonly (readonly Local<"v128">[])[],
  lane: number,
  { codes, values, x, left, touch, touchStep }: RowCursors,
): void {
  const panelRow = 16 * sums[0]!.length;
  const [code, next, at, touched] = f.locals("i32", 4);
  const [weight, some] = f.locals("v128", 2);
  const readWeight = (slot: number, row: number) => {
    const offset = codeBytes + 64 * slot + 4 * lane;
    if (weightsAtOnce === 1) f.set(weight, v128.load32Splat(values, offset + 4 * row));
    else {
      if (row === 0) f.set(some, (weightsAtOnce === 2 ? v128.load64Zero : v128.load)(values, offset));
      f.set(weight, v128.shuffle32(some, some, [row, row, row, row]));
    }
  };
  for (const row of sums) for (const sum of row) f.set(sum, v128.zero);
  f.set(next, i32.load(codes));
  f.block((exit) => {
    const separate = separateSums ? exitsBetweenSums(f, exit, left, 4) : () => {};
    const multiplySlot = (slot: number, row: number) => {
      if (slot % 4 === 0 && row === 0) {
        f.set(code, next);
        f.set(next, i32.load(codes, slot === 0 ? 4 : bytes));
      }
      f.set(at, i32.add(x, panelOffset(code, 8 * (slot % 4) + 2 * (lane + row), panelRow)));
      sums[row]!.forEach((sum, vector) => {
        separate();
        if (vector === 0) readWeight(slot, row);
        f.set(sum, m.madd(weight, v128.load(at, 4 * panelRow * (slot >> 1) + 16 * vector), sum));
      });
    };
    f.doWhile(
      () => {
        for (let slot = 0; slot < slots; slot++) {
          for (const row of sums.keys()) multiplySlot(slot, row);
          if (slot === slots / 2 - 1 || (rows === 4 && slot === slots - 1)) {
            f.set(touched, i32.load(touch));
            f.advance(touch, touchStep);
          }
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

/** Bytes from touch to touch if a pass over 16 rows shall touch a block with steps of `bytes`: about a cache line of f32. */
export const touchedBytes = ({ rows }: { readonly rows: number }, bytes: number): number =>
  (Math.min(rows, 2) * bytes) / blockRows;

/** Bytes from the first of four panel rows to the one that the 2 bits from `bit` name. */
function panelOffset(code: I32, bit: number, panelRow: number): I32 {
  const log = Math.log2(panelRow);
  if (!Number.isInteger(log)) return i32.mul(i32.and(i32.shrU(code, bit), 3), panelRow);
  return i32.and(bit > log ? i32.shrU(code, bit - log) : i32.shl(code, log - bit), 3 << log);
}
