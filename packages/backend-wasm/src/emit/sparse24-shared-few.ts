import type { Sparse24DType } from "@denoise-rotator/core";
import { type I32, i32, i32x4, type Local, v128 } from "../assembler/expressions.js";
import type { FunctionBuilder } from "../assembler/function-builder.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";
import { type Block, defineFew, type Sums } from "./sparse24-few.js";
import { rowsForm, type Sparse24Arrangement, stepBytes } from "./sparse24-form.js";

const { fours, slots, stepInputs } = rowsForm;

/**
 * `sparse24FewShared…`: as `sparse24Few_…`, for rows that share their positions by fours or sixteens. An input, broadcast, meets
 * the weights of all rows that share its position; no table is needed.
 */
export function defineSharedFew(
  m: ModuleBuilder,
  dtype: Sparse24DType,
  arrangement: Sparse24Arrangement,
  separateSums: boolean,
): void {
  defineFew(m, dtype, arrangement, (f, tokens) =>
    defineBlock(m, f, { dtype, arrangement, tokens, separateSums }),
  );
}

interface BlockOptions {
  readonly dtype: Sparse24DType;
  readonly arrangement: Sparse24Arrangement;
  readonly tokens: number;
  readonly separateSums: boolean;
}

function defineBlock(m: ModuleBuilder, f: FunctionBuilder, options: BlockOptions): Block {
  const sums = Array.from({ length: options.tokens }, () => f.locals("v128", fours));
  const cursors = f.locals("i32", options.tokens);
  const [step, left] = f.locals("i32", 2);
  return (weights, x, xRow, steps) => {
    f.set(step, weights);
    f.set(left, steps);
    cursors.forEach((cursor, token) => {
      f.set(cursor, token === 0 ? x : i32.add(cursors[token - 1]!, xRow));
    });
    for (const sum of sums.flat()) f.set(sum, v128.zero);
    multiplySteps(m, f, options, { sums, cursors, step, steps: left });
    return sums;
  };
}

interface StepCursors {
  readonly sums: readonly Sums[];
  /** Into x, of every token. */
  readonly cursors: readonly Local<"i32">[];
  readonly step: Local<"i32">;
  readonly steps: Local<"i32">;
}

function multiplySteps(
  m: ModuleBuilder,
  f: FunctionBuilder,
  { dtype, arrangement, separateSums }: BlockOptions,
  { sums, cursors, step, steps }: StepCursors,
): void {
  const { codeBytes, codeRows } = arrangement;
  const groups = codeRows === 16 ? 1 : fours;
  const codes = f.locals("i32", groups);
  const inputs = f.locals("v128", cursors.length);
  const pairs = f.locals("v128", fours);
  const weight = f.local("v128");
  const high = dtype === "bf16" ? f.let(m.i32(-65536)) : undefined;
  f.block((exit) => {
    let done = 0;
    const separate = () => {
      // Never taken, and each another condition: V8 drops what it has tested before.
      if (separateSums && done > 0 && done % 4 === 0) f.breakIf(exit, i32.eq(steps, -done));
      done++;
    };
    const readInputs = (slot: number, code: I32) => {
      const offset = i32.and(slot === 0 ? i32.shl(code, 2) : i32.shrU(code, 4 * slot - 2), 12);
      const at = f.let(offset);
      inputs.forEach((input, token) => {
        f.set(input, v128.load32Splat(i32.add(cursors[token]!, at), 16 * (slot >> 1)));
      });
    };
    const readWeight = (slot: number, four: number) => {
      if (!high) {
        f.set(weight, v128.load(step, codeBytes + 16 * (fours * slot + four)));
      } else if (slot % 2 === 0) {
        f.set(pairs[four]!, v128.load(step, codeBytes + 16 * (fours * (slot >> 1) + four)));
        f.set(weight, i32x4.shl(pairs[four]!, 16));
      } else f.set(weight, v128.and(pairs[four]!, high));
    };
    f.doWhile(
      () => {
        codes.forEach((code, group) => {
          f.set(code, i32.load(step, 4 * group));
        });
        for (let slot = 0; slot < slots; slot++) {
          for (let four = 0; four < fours; four++) {
            if (four < groups) readInputs(slot, codes[four]!);
            readWeight(slot, four);
            sums.forEach((row, token) => {
              separate();
              f.set(row[four]!, m.madd(weight, inputs[token]!, row[four]!));
            });
          }
        }
        for (const cursor of cursors) f.advance(cursor, 4 * stepInputs);
        f.advance(step, stepBytes(dtype, arrangement));
        f.advance(steps, -1);
      },
      () => steps,
    );
  });
}
