import { type I32, i32, v128 } from "../assembler/expressions.js";
import type { FunctionBuilder } from "../assembler/function-builder.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";

/** `strided{width}(from, fromStep, fromRow, to, toStep, toRow, columns, rows)`: one element at a time, any strides. */
function defineStrided(m: ModuleBuilder, width: 1 | 2 | 4): void {
  m.define(
    `strided${width}`,
    {
      from: "i32",
      fromStep: "i32",
      fromRow: "i32",
      to: "i32",
      toStep: "i32",
      toRow: "i32",
      columns: "i32",
      rows: "i32",
    },
    (f, p) => {
      const from = f.local("i32");
      const to = f.local("i32");
      f.repeat(p.rows, () => {
        f.set(from, p.from);
        f.set(to, p.to);
        f.repeat(p.columns, () => {
          copyElement(f, width, to, from);
          f.advance(from, p.fromStep);
          f.advance(to, p.toStep);
        });
        f.advance(p.from, p.fromRow);
        f.advance(p.to, p.toRow);
      });
    },
  );
}

function copyElement(f: FunctionBuilder, width: 1 | 2 | 4, to: I32, from: I32): void {
  if (width === 4) f.store(to, i32.load(from));
  else if (width === 2) f.store16(to, i32.load16U(from));
  else f.store8(to, i32.load8U(from));
}

/**
 * `transpose4(from, fromRow, to, toRow, rows, columns)`: 32-bit elements, both sides a multiple of 4. Rows are taken
 * 64 at a time, so that the lines they lie in stay in the first cache.
 */
function defineTranspose(m: ModuleBuilder): void {
  m.define(
    "transpose4",
    { from: "i32", fromRow: "i32", to: "i32", toRow: "i32", rows: "i32", columns: "i32" },
    (f, p) => {
      const strip = f.local("i32");
      const source = f.local("i32");
      const target = f.local("i32");
      const [from, to] = [f.local("i32"), f.local("i32")];
      const lines = f.locals("v128", 4);
      const mixed = f.locals("v128", 4);
      f.while(
        () => i32.gtS(p.rows, 0),
        () => {
          f.set(strip, i32.min(p.rows, 64));
          f.set(source, p.from);
          f.set(target, p.to);
          f.repeat(i32.shrU(p.columns, 2), () => {
            f.set(from, source);
            f.set(to, target);
            f.repeat(i32.shrU(strip, 2), () => {
              for (const line of lines) {
                f.set(line, v128.load(from));
                f.advance(from, p.fromRow);
              }
              const [a, b, c, d] = lines;
              f.set(mixed[0]!, v128.shuffle32(a, b, [0, 4, 1, 5]));
              f.set(mixed[1]!, v128.shuffle32(c, d, [0, 4, 1, 5]));
              f.set(mixed[2]!, v128.shuffle32(a, b, [2, 6, 3, 7]));
              f.set(mixed[3]!, v128.shuffle32(c, d, [2, 6, 3, 7]));
              const line = f.let(to);
              for (const [x, y, lanes] of [
                [0, 1, [0, 1, 4, 5]],
                [0, 1, [2, 3, 6, 7]],
                [2, 3, [0, 1, 4, 5]],
                [2, 3, [2, 3, 6, 7]],
              ] as const) {
                f.store(line, v128.shuffle32(mixed[x]!, mixed[y]!, lanes));
                f.advance(line, p.toRow);
              }
              f.advance(to, 16);
            });
            f.advance(source, 16);
            f.advance(target, i32.shl(p.toRow, 2));
          });
          f.advance(p.from, i32.mul(strip, p.fromRow));
          f.advance(p.to, i32.shl(strip, 2));
          f.set(p.rows, i32.sub(p.rows, strip));
        },
      );
    },
  );
}

export function defineStridedCopies(m: ModuleBuilder): void {
  for (const width of [1, 2, 4] as const) defineStrided(m, width);
  defineTranspose(m);
}
