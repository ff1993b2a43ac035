import type { Sparse24DType } from "@denoise-rotator/core";
import { i32, v128 } from "../assembler/expressions.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";
import { rowsForm, stepBytes } from "./sparse24-form.js";

const { blockRows, codeBytes } = rowsForm;

export const unpackName = (dtype: Sparse24DType): string => `sparse24Unpack_${dtype}`;

/** `sparse24Unpack_…(weights, out, inputs, rows)`: `rows` of W (whole blocks, but for the last), dense. */
export function defineSparse24Unpack(m: ModuleBuilder, dtype: Sparse24DType): void {
  const parameters = { weights: "i32", out: "i32", inputs: "i32", rows: "i32" } as const;
  m.define(unpackName(dtype), parameters, (f, p) => {
    const [row, half, code, to, from, group] = f.locals("i32", 6);
    const blockBytes = i32.mul(i32.shrU(i32.add(p.inputs, 15), 4), stepBytes(dtype));
    const unpackGroup = (slot: number) => {
      f.store(to, v128.zero);
      for (const one of [slot, slot + 1]) {
        const offset = dtype === "f32" ? 64 * one : 64 * (one >> 1) + 2 * (one & 1);
        const value =
          dtype === "f32"
            ? i32.load(from, codeBytes + offset)
            : i32.shl(i32.load16U(from, codeBytes + offset), 16);
        const position = i32.and(i32.shrU(code, 8 * one), 3);
        f.store(i32.add(to, i32.shl(position, 2)), value);
      }
      f.advance(to, 16);
    };
    f.while(
      () => i32.gtS(p.rows, 0),
      () => {
        f.setInt(row, 0);
        f.doWhile(
          () => {
            f.set(group, p.weights);
            // Eight inputs at a time: half a step.
            f.setInt(half, 0);
            f.while(
              () => i32.ltS(half, i32.shrU(p.inputs, 3)),
              () => {
                const odd = i32.and(half, 1);
                const fourAt = i32.add(group, i32.add(i32.shl(i32.shrU(row, 2), 3), i32.shl(odd, 2)));
                f.set(code, i32.shrU(i32.load(fourAt), i32.shl(i32.and(row, 3), 1)));
                f.set(
                  from,
                  i32.add(i32.add(group, i32.shl(row, 2)), i32.mul(odd, dtype === "f32" ? 256 : 128)),
                );
                f.set(to, p.out);
                unpackGroup(0);
                unpackGroup(2);
                f.set(p.out, to);
                f.if(odd, () => f.advance(group, stepBytes(dtype)));
                f.advance(half, 1);
              },
            );
            f.advance(row, 1);
          },
          () => i32.ltS(row, i32.min(p.rows, blockRows)),
        );
        f.advance(p.weights, blockBytes);
        f.advance(p.rows, -blockRows);
      },
    );
  });
}
