import type { Sparse24DType } from "@denoise-rotator/core";
import {
  f32x4,
  type I32,
  i8x16,
  i32,
  i32x4,
  type Local,
  threadArea,
  type V128,
  v128,
} from "../assembler/expressions.js";
import type { FunctionBuilder } from "../assembler/function-builder.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";
import { layout } from "../engine/layout.js";
import { storeLanes } from "./row-loops.js";
import { rowsForm, stepBytes } from "./sparse24-form.js";

const { blockRows, codeBytes, fours, stretch } = rowsForm;

export const fewName = (dtype: Sparse24DType): string => `sparse24Few_${dtype}`;

/** Picks for `i8x16.swizzle`, by byte of codes: lane l gets the input at the l-th position. */
export function sparse24Picks(): Uint8Array {
  return Uint8Array.from({ length: 256 * 16 }, (_, at) => {
    const [code, lane, byte] = [at >> 4, (at >> 2) & 3, at & 3];
    return 4 * ((code >> (2 * lane)) & 3) + byte;
  });
}

/**
 * `sparse24Few_…(weights, x, xRow, tokens, out, outRow, rows, steps)`: `rows` of W (whole blocks, but for the last) times
 * `tokens` ≥ 1 rows of x, `16·steps` inputs each, into rows of `out`.
 *
 * Lanes are rows of W: four inputs at a time are picked apart by the table of `sparse24Picks`. A block's weights are read
 * once for every two tokens, from memory once.
 */
export function defineSparse24Few(m: ModuleBuilder, dtype: Sparse24DType, separateSums: boolean): void {
  m.define(
    fewName(dtype),
    {
      weights: "i32",
      x: "i32",
      xRow: "i32",
      tokens: "i32",
      out: "i32",
      outRow: "i32",
      rows: "i32",
      steps: "i32",
    },
    (f, p) => {
      const [x, out, tokens] = f.locals("i32", 3);
      const two = defineBlock(m, f, { dtype, tokens: 2, separateSums });
      const one = defineBlock(m, f, { dtype, tokens: 1, separateSums });
      f.while(
        () => i32.gtS(p.rows, 0),
        () => {
          f.set(x, p.x);
          f.set(out, p.out);
          f.set(tokens, p.tokens);
          const multiply = (block: Block, count: number) => {
            block(p.weights, x, p.xRow, p.steps);
            for (let token = 0; token < count; token++) {
              storeBlock(f, token, out, p.rows);
              f.advance(out, p.outRow);
              f.advance(x, p.xRow);
            }
            f.advance(tokens, -count);
          };
          f.while(
            () => i32.gtS(tokens, 1),
            () => multiply(two, 2),
          );
          f.if(tokens, () => multiply(one, 1));
          f.advance(p.weights, i32.mul(p.steps, stepBytes(dtype)));
          f.advance(p.out, 4 * blockRows);
          f.advance(p.rows, -blockRows);
        },
      );
    },
  );
}

/** Emits a block of W times some tokens into the thread's scratch area `[token][16]`. */
type Block = (weights: I32, x: Local<"i32">, xRow: I32, steps: I32) => void;

interface BlockOptions {
  readonly dtype: Sparse24DType;
  readonly tokens: number;
  readonly separateSums: boolean;
}

const totalAt = (token: number, four: number): number => layout.scratch + 4 * blockRows * token + 16 * four;

function defineBlock(m: ModuleBuilder, f: FunctionBuilder, options: BlockOptions): Block {
  const sums = Array.from({ length: options.tokens }, () => f.locals("v128", fours));
  const cursors = f.locals("i32", options.tokens);
  const [step, left, steps] = f.locals("i32", 3);
  const eachSum = (body: (sum: Local<"v128">, at: number) => void) => {
    sums.forEach((row, token) => {
      row.forEach((sum, four) => {
        body(sum, totalAt(token, four));
      });
    });
  };
  return (weights, x, xRow, allSteps) => {
    f.set(step, weights);
    cursors.forEach((cursor, token) => {
      f.set(cursor, token === 0 ? x : i32.add(cursors[token - 1]!, xRow));
    });
    // −0 + s is s, whatever its sign.
    const zero = f.let(m.f32(-0));
    eachSum((_, at) => f.store(threadArea, zero, at));
    f.set(left, allSteps);
    f.doWhile(
      () => {
        f.set(steps, i32.min(left, stretch));
        f.set(left, i32.sub(left, steps));
        eachSum((sum) => f.set(sum, v128.zero));
        multiplySteps(m, f, options, { sums, cursors, step, steps });
        eachSum((sum, at) => f.store(threadArea, f32x4.add(v128.load(threadArea, at), sum), at));
      },
      () => i32.gtS(left, 0),
    );
  };
}

interface StepCursors {
  readonly sums: readonly (readonly Local<"v128">[])[];
  /** Into x, of every token. */
  readonly cursors: readonly Local<"i32">[];
  readonly step: Local<"i32">;
  readonly steps: Local<"i32">;
}

function multiplySteps(
  m: ModuleBuilder,
  f: FunctionBuilder,
  { dtype, separateSums }: BlockOptions,
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
    let done = 0;
    const multiplySlot = (four: number, slot: number) => {
      if (separateSums && done > 0 && done % 2 === 0) f.breakIf(exit, i32.eq(steps, -done));
      done++;
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
        for (const cursor of cursors) f.advance(cursor, 4 * rowsForm.stepInputs);
        f.advance(step, stepBytes(dtype));
        f.advance(steps, -1);
      },
      () => steps,
    );
  });
}

/** Stores at most `rows` of a token's totals. */
function storeBlock(f: FunctionBuilder, token: number, out: Local<"i32">, rows: Local<"i32">): void {
  for (let four = 0; four < fours; four++) {
    const total = v128.load(threadArea, totalAt(token, four));
    const to = f.let(i32.add(out, 16 * four));
    f.if(
      i32.geS(rows, 4 * four + 4),
      () => f.store(to, total),
      () => {
        const lanes = f.let(i32.sub(rows, 4 * four));
        f.if(i32.gtS(lanes, 0), () => storeLanes(f, to, total, lanes));
      },
    );
  }
}
