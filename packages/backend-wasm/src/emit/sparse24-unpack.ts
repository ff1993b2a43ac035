import type { Sparse24DType } from "@denoise-rotator/core";
import { i32, v128 } from "../assembler/expressions.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";
import { rowsForm, type Sparse24Arrangement, stepBytes } from "./sparse24-form.js";

const { blockRows, stepInputs, stretch } = rowsForm;

export const unpackName = (dtype: Sparse24DType, { kind }: Sparse24Arrangement): string =>
  `sparse24Unpack${kind}_${dtype}`;

/**
 * `sparse24Unpack_…(weights, allBlocks, firstBlock, out, inputs, rows)`: `rows` of W (whole blocks, but for the last) from
 * block `firstBlock` of `allBlocks`, dense.
 */
export function defineSparse24Unpack(
  m: ModuleBuilder,
  dtype: Sparse24DType,
  arrangement: Sparse24Arrangement,
): void {
  const bytes = stepBytes(dtype, arrangement);
  const { codeBytes, codeRows } = arrangement;
  const slotBits = codeRows === 1 ? 8 : 4;
  m.define(
    unpackName(dtype, arrangement),
    { weights: "i32", allBlocks: "i32", firstBlock: "i32", out: "i32", inputs: "i32", rows: "i32" },
    (f, p) => {
      const [first, left, steps, row, place, half, halves, step, code, from, to] = f.locals("i32", 11);
      const unpackGroup = (slot: number) => {
        f.store(to, v128.zero);
        for (const one of [slot, slot + 1]) {
          const offset = codeBytes + (dtype === "f32" ? 64 * one : 64 * (one >> 1) + 2 * (one & 1));
          const value = dtype === "f32" ? i32.load(from, offset) : i32.shl(i32.load16U(from, offset), 16);
          const position = i32.and(i32.shrU(code, slotBits * one), 3);
          f.store(i32.add(to, i32.shl(position, 2)), value);
        }
        f.advance(to, 16);
      };
      // Eight inputs of a row: half a step.
      const unpackHalf = () => {
        const odd = i32.and(half, 1);
        const four = i32.shrU(place, 2);
        if (codeRows === 1) {
          const codes = i32.add(step, i32.add(i32.shl(four, 3), i32.shl(odd, 2)));
          f.set(code, i32.shrU(i32.load(codes), i32.shl(i32.and(place, 3), 1)));
        } else f.set(code, i32.shrU(i32.load(i32.add(step, i32.shl(four, 2))), i32.shl(odd, 4)));
        f.set(from, i32.add(i32.add(step, i32.shl(place, 2)), i32.mul(odd, dtype === "f32" ? 256 : 128)));
        unpackGroup(0);
        unpackGroup(2);
        f.if(odd, () => f.advance(step, bytes));
        f.advance(half, 1);
      };
      f.setInt(first, 0);
      f.doWhile(
        () => {
          f.set(left, i32.shrU(i32.sub(p.inputs, first), 3));
          f.set(halves, i32.min(left, 2 * stretch));
          f.set(steps, i32.shrU(i32.add(halves, 1), 1));
          f.setInt(row, 0);
          f.doWhile(
            () => {
              f.set(place, i32.and(row, blockRows - 1));
              const block = i32.add(p.firstBlock, i32.shrU(row, 4));
              f.set(step, i32.add(p.weights, i32.mul(i32.mul(block, steps), bytes)));
              f.set(to, i32.add(p.out, i32.shl(i32.add(i32.mul(row, p.inputs), first), 2)));
              f.setInt(half, 0);
              f.doWhile(unpackHalf, () => i32.ltS(half, halves));
              f.advance(row, 1);
            },
            () => i32.ltS(row, p.rows),
          );
          f.advance(p.weights, i32.mul(i32.mul(p.allBlocks, steps), bytes));
          f.advance(first, stretch * stepInputs);
        },
        () => i32.ltS(first, p.inputs),
      );
    },
  );
}
