import { i32, type Local, type V128, v128 } from "../assembler/expressions.js";
import type { FunctionBuilder } from "../assembler/function-builder.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";
import { storeLanes } from "./row-loops.js";
import { rowsForm } from "./sparse24-form.js";

/** Rows and columns of a 4×4 matrix exchanged. */
function transpose(f: FunctionBuilder, rows: readonly V128[]): V128[] {
  const [a, b, c, d] = rows as readonly [V128, V128, V128, V128];
  const low = [f.let(v128.shuffle32(a, b, [0, 4, 1, 5])), f.let(v128.shuffle32(c, d, [0, 4, 1, 5]))] as const;
  const high = [
    f.let(v128.shuffle32(a, b, [2, 6, 3, 7])),
    f.let(v128.shuffle32(c, d, [2, 6, 3, 7])),
  ] as const;
  return [low, high].flatMap(([first, second]) => [
    v128.shuffle32(first, second, [0, 1, 4, 5]),
    v128.shuffle32(first, second, [2, 3, 6, 7]),
  ]);
}

/**
 * `sparse24PackTokens(x, xRow, tokens, width, inputs, to)`: a panel `[inputs rounded up to a step][width]` of `tokens` ≤
 * `width` rows of x; places without a token repeat the last one, missing inputs are zero. `inputs` is a multiple of 4,
 * `width` too.
 */
export function defineSparse24PackTokens(m: ModuleBuilder): void {
  const parameters = {
    x: "i32",
    xRow: "i32",
    tokens: "i32",
    width: "i32",
    inputs: "i32",
    to: "i32",
  } as const;
  m.define("sparse24PackTokens", parameters, (f, p) => {
    const rows = f.locals("i32", 4);
    const [lane, to, count, token, rowBytes] = f.locals("i32", 5);
    const [last, column] = f.locals("i32", 2);
    f.set(rowBytes, i32.shl(p.width, 2));
    f.set(last, i32.sub(p.tokens, 1));
    f.setInt(column, 0);
    // A stretch at a time, so that its part of the panel stays in the first cache.
    f.while(
      () => i32.ltS(column, p.inputs),
      () => {
        f.setInt(lane, 0);
        f.doWhile(
          () => {
            rows.forEach((row, i) => {
              f.set(token, i32.min(i32.add(lane, i), last));
              f.set(row, i32.add(i32.add(p.x, i32.shl(column, 2)), i32.mul(token, p.xRow)));
            });
            f.set(to, i32.add(i32.add(p.to, i32.shl(lane, 2)), i32.mul(column, rowBytes)));
            f.set(count, i32.min(i32.sub(p.inputs, column), stretchInputs));
            f.doWhile(
              () => {
                for (const line of transpose(
                  f,
                  rows.map((row) => f.let(v128.load(row))),
                )) {
                  f.store(to, line);
                  f.advance(to, rowBytes);
                }
                for (const row of rows) f.advance(row, 16);
                f.advance(count, -4);
              },
              () => i32.gtS(count, 0),
            );
            f.advance(lane, 4);
          },
          () => i32.ltS(lane, p.width),
        );
        f.advance(column, stretchInputs);
      },
    );
    f.set(to, i32.add(p.to, i32.mul(p.inputs, rowBytes)));
    f.repeat(i32.mul(i32.and(i32.sub(0, p.inputs), rowsForm.stepInputs - 1), i32.shrU(p.width, 2)), () => {
      f.store(to, v128.zero);
      f.advance(to, 16);
    });
  });
}

const stretchInputs = rowsForm.stretch * rowsForm.stepInputs;

/**
 * `sparse24StoreSums(sums, width, rows, tokens, out, outRow)`: sums `[rows rounded up to 4][width]` of rows of W, the first
 * `tokens` of each, as `tokens` rows of `out`.
 */
export function defineSparse24StoreSums(m: ModuleBuilder): void {
  const parameters = {
    sums: "i32",
    width: "i32",
    rows: "i32",
    tokens: "i32",
    out: "i32",
    outRow: "i32",
  } as const;
  m.define("sparse24StoreSums", parameters, (f, p) => {
    const [from, to, left, sumsRow, line] = f.locals("i32", 5);
    f.set(sumsRow, i32.shl(p.width, 2));
    const four = (): V128[] => {
      const rows = Array.from({ length: 4 }, () => {
        const row = f.let(v128.load(from));
        f.advance(from, sumsRow);
        return row;
      });
      return transpose(f, rows);
    };
    const storeAll = (lanes?: Local<"i32">) => {
      const tokens = four().map((token) => f.let(token));
      f.set(line, to);
      tokens.forEach((token, i) => {
        f.if(i32.gtS(p.tokens, i), () => storeLanes(f, line, token, lanes));
        f.advance(line, p.outRow);
      });
      f.advance(to, 16);
    };
    f.while(
      () => i32.gtS(p.tokens, 0),
      () => {
        f.set(from, p.sums);
        f.set(to, p.out);
        f.set(left, p.rows);
        f.while(
          () => i32.geS(left, 4),
          () => {
            storeAll();
            f.advance(left, -4);
          },
        );
        f.if(i32.gtS(left, 0), () => storeAll(left));
        f.advance(p.sums, 16);
        f.advance(p.out, i32.shl(p.outRow, 2));
        f.advance(p.tokens, -4);
      },
    );
  });
}
