import type { Sparse24DType } from "@denoise-rotator/core";
import { type I32, i32, i32x4, v128 } from "../assembler/expressions.js";
import type { FunctionBuilder } from "../assembler/function-builder.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";
import { exitsBetweenSums } from "./exits-between-sums.js";
import { defineFew, type StepCursors } from "./sparse24-few.js";
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
  const options = { dtype, arrangement, separateSums };
  defineFew(m, dtype, arrangement, (f, cursors) => multiplySteps(m, f, options, cursors));
}

interface StepOptions {
  readonly dtype: Sparse24DType;
  readonly arrangement: Sparse24Arrangement;
  readonly separateSums: boolean;
}

function multiplySteps(
  m: ModuleBuilder,
  f: FunctionBuilder,
  { dtype, arrangement, separateSums }: StepOptions,
  { sums, cursors, step, steps }: StepCursors,
): void {
  const { codeBytes, codeRows } = arrangement;
  const groups = codeRows === 16 ? 1 : fours;
  const codes = f.locals("i32", groups);
  const at = f.local("i32");
  /** Of two slots, by token. */
  const inputs = [f.locals("v128", cursors.length), f.locals("v128", cursors.length)] as const;
  const [pair, weight] = f.locals("v128", 2);
  const high = dtype === "bf16" ? f.let(m.i32(-65536)) : undefined;
  const readInputs = (slot: number, code: I32) => {
    f.set(at, i32.and(slot === 0 ? i32.shl(code, 2) : i32.shrU(code, 4 * slot - 2), 12));
    inputs[slot & 1]!.forEach((input, token) => {
      f.set(input, v128.load32Splat(i32.add(cursors[token]!, at), 16 * (slot >> 1)));
    });
  };
  const readWeight = (slot: number, four: number) => {
    if (!high) f.set(weight, v128.load(step, codeBytes + 16 * (fours * slot + four)));
    else if (slot % 2 === 0) {
      f.set(pair, v128.load(step, codeBytes + 16 * (fours * (slot >> 1) + four)));
      f.set(weight, i32x4.shl(pair, 16));
    } else f.set(weight, v128.and(pair, high));
  };
  f.block((exit) => {
    const separate = separateSums ? exitsBetweenSums(f, exit, steps, 4) : () => {};
    const multiplySlots = (even: number, four: number) => {
      const slots = [even, even + 1];
      if (four < groups) for (const slot of slots) readInputs(slot, codes[four]!);
      for (const slot of slots) {
        readWeight(slot, four);
        sums.forEach((row, token) => {
          separate();
          f.set(row[four]!, m.madd(weight, inputs[slot & 1]![token]!, row[four]!));
        });
      }
    };
    f.doWhile(
      () => {
        codes.forEach((code, group) => {
          f.set(code, i32.load(step, 4 * group));
        });
        for (let even = 0; even < slots; even += 2) {
          for (let four = 0; four < fours; four++) multiplySlots(even, four);
        }
        for (const cursor of cursors) f.advance(cursor, 4 * stepInputs);
        f.advance(step, stepBytes(dtype, arrangement));
        f.advance(steps, -1);
      },
      () => steps,
    );
  });
}
