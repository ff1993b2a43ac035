import { f32x4, type I32, i32, type Local, v128 } from "../assembler/expressions.js";
import type { FunctionBuilder } from "../assembler/function-builder.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";
import type { GemmTile } from "../engine/features.js";
import { ownCodes, rowsForm, stepBytes } from "./sparse24-form.js";

const { blockRows, slots, stepInputs } = rowsForm;
const { codeBytes } = ownCodes;
const bytes = stepBytes("f32");

/** What one pass of the inner loop holds in registers: sums of tokens in the lanes of `vectors`, for `rows` rows of W. */
export interface Sparse24Tile {
  readonly vectors: number;
  readonly rows: 1 | 2;
  /** Weights of two rows come in one load and are broadcast from it: loads are what there are too many of. */
  readonly pairedWeights: boolean;
  /** {@link GemmTile.separateSteps}: never-taken exits after every four multiply-adds. */
  readonly separateSums: boolean;
}

/** The tiles that are fastest on the engine, wide and narrow. */
export const tilesOf = ({ separateSteps: separateSums }: GemmTile): readonly [Sparse24Tile, Sparse24Tile] =>
  separateSums
    ? [
        { vectors: 8, rows: 1, pairedWeights: false, separateSums },
        { vectors: 4, rows: 2, pairedWeights: false, separateSums },
      ]
    : [
        { vectors: 6, rows: 2, pairedWeights: true, separateSums },
        { vectors: 4, rows: 2, pairedWeights: true, separateSums },
      ];

export const tileName = ({ vectors }: Sparse24Tile): string => `sparse24Tile${4 * vectors}`;

/**
 * `sparse24Tile…(weights, x, sums, blocks, steps, accumulate)`: consecutive blocks of `steps` f32 steps times a panel of x `[16·steps][4·vectors]`, added to or put into sums `[16·blocks][4·vectors]`.
 *
 * Every kept weight, broadcast, meets the row of the panel that its position names. One load for each multiply-add bounds
 * the speed, so nothing may keep loads waiting: codes are read half a step before they are used.
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
    },
    (f, p) => {
      const sums = Array.from({ length: tile.rows }, () => f.locals("v128", tile.vectors) as Local<"v128">[]);
      const [row, shift, codes, values, x, left] = f.locals("i32", 6);
      f.repeat(p.blocks, () => {
        f.setInt(row, 0);
        f.doWhile(
          () => {
            // Row 4·q + l: bits 2·l of the codes' bytes from 8·q, lane l of the values' vectors from q.
            f.set(shift, i32.shl(i32.and(row, 3), 1));
            f.set(codes, i32.add(p.weights, i32.shl(i32.shrU(row, 2), 3)));
            f.set(values, i32.add(p.weights, i32.shl(row, 2)));
            f.set(x, p.x);
            f.set(left, p.steps);
            multiplyRows(m, f, tile, { sums, shift, codes, values, x, left });
            storeSums(f, sums.flat(), p.sums, p.accumulate);
            f.advance(row, tile.rows);
          },
          () => i32.ltS(row, blockRows),
        );
        f.advance(p.weights, i32.mul(p.steps, bytes));
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

interface RowCursors {
  readonly sums: readonly (readonly Local<"v128">[])[];
  /** Bits below the first row's codes. */
  readonly shift: Local<"i32">;
  readonly codes: Local<"i32">;
  readonly values: Local<"i32">;
  readonly x: Local<"i32">;
  /** Steps to do. */
  readonly left: Local<"i32">;
}

function multiplyRows(
  m: ModuleBuilder,
  f: FunctionBuilder,
  { pairedWeights, separateSums }: Sparse24Tile,
  { sums, shift, codes, values, x, left }: RowCursors,
): void {
  const panelRow = 16 * sums[0]!.length;
  const [code, next] = [f.locals("i32", sums.length), f.locals("i32", sums.length)];
  const at = f.local("i32");
  const [weight, pair] = f.locals("v128", 2);
  const readWeight = (slot: number, row: number) => {
    const offset = codeBytes + 64 * slot;
    if (!pairedWeights) f.set(weight, v128.load32Splat(values, offset + 4 * row));
    else {
      if (row === 0) f.set(pair, v128.load64Zero(values, offset));
      f.set(weight, v128.shuffle32(pair, pair, [row, row, row, row]));
    }
  };
  const readCodes = (row: number, offset: number) =>
    f.set(next[row]!, i32.shrU(i32.load(codes, offset), row === 0 ? shift : i32.add(shift, 2 * row)));
  for (const row of sums) for (const sum of row) f.set(sum, v128.zero);
  for (const row of sums.keys()) readCodes(row, 0);
  f.block((exit) => {
    let done = 0;
    const separate = () => {
      // Never taken, and each another condition: V8 drops what it has tested before.
      if (separateSums && done > 0 && done % 4 === 0) f.breakIf(exit, i32.eq(left, -done));
      done++;
    };
    const multiplySlot = (slot: number, row: number) => {
      if (slot % 4 === 0) {
        f.set(code[row]!, next[row]!);
        readCodes(row, slot === 0 ? 4 : bytes);
      }
      f.set(at, i32.add(x, panelOffset(code[row]!, 8 * (slot % 4), panelRow)));
      sums[row]!.forEach((sum, vector) => {
        separate();
        if (vector === 0) readWeight(slot, row);
        f.set(sum, m.madd(weight, v128.load(at, 4 * panelRow * (slot >> 1) + 16 * vector), sum));
      });
    };
    f.doWhile(
      () => {
        for (let slot = 0; slot < slots; slot++) for (const row of sums.keys()) multiplySlot(slot, row);
        f.advance(codes, bytes);
        f.advance(values, bytes);
        f.advance(x, stepInputs * panelRow);
        f.advance(left, -1);
      },
      () => left,
    );
  });
}

/** Bytes from the first of four panel rows to the one that the 2 bits from `bit` name. */
function panelOffset(code: I32, bit: number, panelRow: number): I32 {
  const log = Math.log2(panelRow);
  if (!Number.isInteger(log)) return i32.mul(i32.and(i32.shrU(code, bit), 3), panelRow);
  return i32.and(bit > log ? i32.shrU(code, bit - log) : i32.shl(code, log - bit), 3 << log);
}
