import { f32, f64, f64x2, i32, type Local, v128 } from "../assembler/expressions.js";
import type { FunctionBuilder } from "../assembler/function-builder.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";

/** Elements summed in one round of a dot product; rows of the f64 copy are padded to it. */
export const dotStep = 4;

/**
 * `choleskyPanel(a, row, n, wide, wideRow, failed)`: column by column, L over the lower triangle of the f32 matrix `a`,
 * with sums in f64. `wide`, n rows of `wideRow` bytes, holds zeros on entry and L in f64 on exit. A pivot that is not
 * positive ends it: `failed` then receives its index.
 */
export function defineCholeskyPanel(m: ModuleBuilder): void {
  m.define(
    "choleskyPanel",
    { a: "i32", row: "i32", n: "i32", wide: "i32", wideRow: "i32", failed: "i32" },
    (f, p) => {
      // The column at hand, as bytes into rows of f32, and the rows of its pivot.
      const [column, pivotRow, pivotWide, target, targetWide] = f.locals("i32", 5);
      const [value, inverse] = f.locals("f64", 2);
      const dot = dotBuilder(f);
      /** a_ij − Σ_k<j l_ik·l_jk. */
      const remainder = (row: Local<"i32">, wide: Local<"i32">) => {
        dot(wide, pivotWide, i32.shrU(column, 2));
        f.set(value, f64.sub(f64.promoteF32(f32.load(i32.add(row, column))), dot.sum));
      };
      const keep = (row: Local<"i32">, wide: Local<"i32">) => {
        const rounded = f.let(f32.demoteF64(value));
        f.store(i32.add(row, column), rounded);
        f.store(i32.add(wide, i32.shl(column, 1)), f64.promoteF32(rounded));
      };
      f.setInt(column, 0);
      f.set(pivotRow, p.a);
      f.set(pivotWide, p.wide);
      f.block((end) => {
        f.while(
          () => i32.gtS(p.n, 0),
          () => {
            remainder(pivotRow, pivotWide);
            f.if(i32.eqz(f64.gt(value, f64.const(0))), () => f.store(p.failed, i32.shrU(column, 2)));
            f.breakIf(end, i32.eqz(f64.gt(value, f64.const(0))));
            f.set(value, f64.sqrt(value));
            keep(pivotRow, pivotWide);
            f.set(inverse, f64.div(f64.const(1), f64.load(i32.add(pivotWide, i32.shl(column, 1)))));
            f.set(target, pivotRow);
            f.set(targetWide, pivotWide);
            f.repeat(i32.sub(p.n, 1), () => {
              f.advance(target, p.row);
              f.advance(targetWide, p.wideRow);
              remainder(target, targetWide);
              f.set(value, f64.mul(value, inverse));
              keep(target, targetWide);
            });
            f.advance(column, 4);
            f.advance(pivotRow, p.row);
            f.advance(pivotWide, p.wideRow);
            f.advance(p.n, -1);
          },
        );
      });
    },
  );
}

/** Dot products of f64 rows over at least `count` elements, zeros beyond; the result is in `sum`. */
function dotBuilder(f: FunctionBuilder) {
  const sum = f.local("f64");
  const sums = f.locals("v128", dotStep / 2);
  const [x, y] = f.locals("i32", 2);
  const build = (left: Local<"i32">, right: Local<"i32">, count: ReturnType<typeof i32.add>) => {
    f.set(x, left);
    f.set(y, right);
    for (const part of sums) f.set(part, v128.zero);
    f.repeat(i32.shrU(i32.add(count, dotStep - 1), Math.log2(dotStep)), () => {
      sums.forEach((part, i) => {
        f.set(part, f64x2.add(part, f64x2.mul(v128.load(x, 16 * i), v128.load(y, 16 * i))));
      });
      f.advance(x, 8 * dotStep);
      f.advance(y, 8 * dotStep);
    });
    f.set(sums[0]!, sums.slice(1).reduce(f64x2.add, sums[0]!));
    f.set(sum, f64.add(f64x2.extract(sums[0]!, 0), f64x2.extract(sums[0]!, 1)));
  };
  return Object.assign(build, { sum });
}
