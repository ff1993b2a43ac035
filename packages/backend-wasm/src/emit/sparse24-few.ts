import type { Sparse24DType } from "@denoise-rotator/core";
import { f32x4, type I32, i8x16, i32, i32x4, type Local, type V128, v128 } from "../assembler/expressions.js";
import type { FunctionBuilder } from "../assembler/function-builder.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";
import { layout } from "../engine/layout.js";
import { exitsBetweenSums } from "./exits-between-sums.js";
import { storeLanes } from "./row-loops.js";
import { ownCodes, rowsForm, type Sparse24Arrangement, stepBytes } from "./sparse24-form.js";

const { blockRows, fours, stepInputs, stretch } = rowsForm;
const { codeBytes } = ownCodes;

export const fewName = (dtype: Sparse24DType, { codeRows, kind }: Sparse24Arrangement): string =>
  `sparse24Few${kind && kind + codeRows}_${dtype}`;

/** Picks for `i8x16.swizzle`, by byte of codes: lane l gets the input at the l-th position. */
export function sparse24Picks(): Uint8Array {
  return Uint8Array.from({ length: 256 * 16 }, (_, at) => {
    const [code, lane, byte] = [at >> 4, (at >> 2) & 3, at & 3];
    return 4 * ((code >> (2 * lane)) & 3) + byte;
  });
}

/**
 * `sparse24Few_…(weights, allBlocks, firstBlock, steps, x, xRow, tokens, out, outRow, rows)`: `rows` of W (whole blocks, but
 * for the last) from block `firstBlock` of `allBlocks` times `tokens` ≥ 1 rows of x, `16·steps` inputs each, into rows of `out`.
 *
 * Lanes are rows of W: four inputs at a time are picked apart by the table of `sparse24Picks`. A block's part of a stretch is
 * read once for every two tokens, from memory once.
 */
export function defineSparse24Few(m: ModuleBuilder, dtype: Sparse24DType, separateSums: boolean): void {
  defineFew(m, dtype, ownCodes, (f, cursors) => multiplySteps(m, f, { dtype, separateSums }, cursors));
}

/** As {@link defineSparse24Few}, for an arrangement; `emitSteps` emits the steps of a block of W times one or two tokens. */
export function defineFew(
  m: ModuleBuilder,
  dtype: Sparse24DType,
  arrangement: Sparse24Arrangement,
  emitSteps: EmitSteps,
): void {
  const bytes = stepBytes(dtype, arrangement);
  m.define(
    fewName(dtype, arrangement),
    {
      weights: "i32",
      allBlocks: "i32",
      firstBlock: "i32",
      steps: "i32",
      x: "i32",
      xRow: "i32",
      tokens: "i32",
      out: "i32",
      outRow: "i32",
      rows: "i32",
    },
    (f, p) => {
      const [weights, x, out, outs, rows, tokens, first, steps] = f.locals("i32", 8);
      const two = defineBlock(f, 2, emitSteps);
      const one = defineBlock(f, 1, emitSteps);
      const multiply = (block: Block, count: number) => {
        const sums = block(weights, x, p.xRow, steps);
        for (const token of sums) {
          addSums(f, token, out, rows, first);
          f.advance(out, p.outRow);
          f.advance(x, p.xRow);
        }
        f.advance(tokens, -count);
      };
      f.setInt(first, 0);
      f.doWhile(
        () => {
          f.set(steps, i32.min(i32.sub(p.steps, first), stretch));
          f.set(weights, i32.add(p.weights, i32.mul(i32.mul(steps, p.firstBlock), bytes)));
          f.set(outs, p.out);
          f.set(rows, p.rows);
          f.doWhile(
            () => {
              f.set(x, p.x);
              f.set(out, outs);
              f.set(tokens, p.tokens);
              f.while(
                () => i32.gtS(tokens, 1),
                () => multiply(two, 2),
              );
              f.if(tokens, () => multiply(one, 1));
              f.advance(weights, i32.mul(steps, bytes));
              f.advance(outs, 4 * blockRows);
              f.advance(rows, -blockRows);
            },
            () => i32.gtS(rows, 0),
          );
          f.advance(p.weights, i32.mul(i32.mul(steps, p.allBlocks), bytes));
          f.advance(p.x, i32.mul(steps, 4 * stepInputs));
          f.advance(first, steps);
        },
        () => i32.ltS(first, p.steps),
      );
    },
  );
}

type Sums = readonly Local<"v128">[];
/** Emits steps of a block of W times some tokens; gives each token's sums of the block's rows. */
type Block = (weights: I32, x: I32, xRow: I32, steps: I32) => readonly Sums[];

type EmitSteps = (f: FunctionBuilder, cursors: StepCursors) => void;

function defineBlock(f: FunctionBuilder, tokens: number, emitSteps: EmitSteps): Block {
  const sums = Array.from({ length: tokens }, () => f.locals("v128", fours));
  const cursors = f.locals("i32", tokens);
  const [step, left] = f.locals("i32", 2);
  return (weights, x, xRow, steps) => {
    f.set(step, weights);
    f.set(left, steps);
    cursors.forEach((cursor, token) => {
      f.set(cursor, token === 0 ? x : i32.add(cursors[token - 1]!, xRow));
    });
    for (const sum of sums.flat()) f.set(sum, v128.zero);
    emitSteps(f, { sums, cursors, step, steps: left });
    return sums;
  };
}

/** Of a block and some tokens. */
export interface StepCursors {
  readonly sums: readonly Sums[];
  /** Into x, of every token. */
  readonly cursors: readonly Local<"i32">[];
  readonly step: Local<"i32">;
  readonly steps: Local<"i32">;
}

function multiplySteps(
  m: ModuleBuilder,
  f: FunctionBuilder,
  { dtype, separateSums }: { readonly dtype: Sparse24DType; readonly separateSums: boolean },
  { sums, cursors, step, steps }: StepCursors,
): void {
  const inputs = f.locals("v128", cursors.length);
  const [picks, pair, weight] = f.locals("v128", 3);
  const high = dtype === "bf16" ? f.let(m.i32(-65536)) : undefined;
  const swizzle = m.fma ? i8x16.relaxedSwizzle : i8x16.swizzle;
  const weightAt = (four: number, slot: number): V128 => {
    if (!high) return v128.load(step, codeBytes + 16 * (fours * slot + four));
    return slot % 2 === 0 ? i32x4.shl(pair, 16) : v128.and(pair, high);
  };
  f.block((exit) => {
    const separate = separateSums ? exitsBetweenSums(f, exit, steps, 2) : () => {};
    const multiplySlot = (four: number, slot: number) => {
      separate();
      const code = i32.load8U(step, 8 * four + slot);
      f.set(picks, v128.load(i32.shl(code, 4), layout.sparse24Picks));
      f.set(weight, weightAt(four, slot));
      sums.forEach((row, token) => {
        f.set(row[four]!, m.madd(weight, swizzle(inputs[token]!, picks), row[four]!));
      });
    };
    f.doWhile(
      () => {
        for (let group = 0; group < 4; group++) {
          inputs.forEach((input, token) => {
            f.set(input, v128.load(cursors[token]!, 16 * group));
          });
          for (let four = 0; four < fours; four++) {
            if (high) f.set(pair, v128.load(step, codeBytes + 16 * (fours * group + four)));
            multiplySlot(four, 2 * group);
            multiplySlot(four, 2 * group + 1);
          }
        }
        for (const cursor of cursors) f.advance(cursor, 4 * stepInputs);
        f.advance(step, stepBytes(dtype));
        f.advance(steps, -1);
      },
      () => steps,
    );
  });
}

/** Adds the sums to what is there, or puts them there in the first stretch: at most `rows` of a token. */
function addSums(
  f: FunctionBuilder,
  sums: Sums,
  out: Local<"i32">,
  rows: Local<"i32">,
  first: Local<"i32">,
): void {
  f.if(first, () => {
    sums.forEach((sum, four) => {
      f.set(sum, f32x4.add(v128.load(out, 16 * four), sum));
    });
  });
  const whole = () => {
    sums.forEach((sum, four) => {
      f.store(out, sum, 16 * four);
    });
  };
  f.if(i32.geS(rows, blockRows), whole, () => {
    sums.forEach((sum, four) => {
      const to = f.let(i32.add(out, 16 * four));
      const lanes = f.let(i32.sub(rows, 4 * four));
      f.if(
        i32.geS(lanes, 4),
        () => f.store(to, sum),
        () => f.if(i32.gtS(lanes, 0), () => storeLanes(f, to, sum, lanes)),
      );
    });
  });
}
