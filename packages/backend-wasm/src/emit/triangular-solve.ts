import { f32, f32x4, i32, type Local, v128 } from "../assembler/expressions.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";

/** Columns of the right-hand sides that stay in registers together. */
export const stripColumns = 32;

/**
 * `solveStrips(a, rowStep, columnStep, b, bRow, n, columns, unit)`: forward substitution b ← a⁻¹·b by strips of columns,
 * each of which stays in the first cache; b's rows are contiguous. Steps are in bytes and may be negative, which makes it
 * backward substitution. `unit`: the diagonal counts as ones.
 */
export function defineTriangularSolve(m: ModuleBuilder): void {
  m.define(
    "solveStrips",
    {
      a: "i32",
      rowStep: "i32",
      columnStep: "i32",
      b: "i32",
      bRow: "i32",
      n: "i32",
      columns: "i32",
      unit: "i32",
    },
    (f, p) => {
      const sums = f.locals("v128", stripColumns / 4);
      const [factor, divisor] = f.locals("v128", 2);
      const [total, pivot] = f.locals("f32", 2);
      const [entries, entry, target, row, done] = f.locals("i32", 5);
      /** Calls the parts for every row of a strip: begin, once for each row before it, end. */
      const substitute = (begin: () => void, subtract: () => void, end: () => void) => {
        f.set(entries, p.a);
        f.set(target, p.b);
        f.setInt(done, 0);
        f.repeat(p.n, () => {
          f.set(entry, entries);
          f.set(row, p.b);
          begin();
          f.repeat(done, () => {
            subtract();
            f.advance(entry, p.columnStep);
            f.advance(row, p.bRow);
          });
          end();
          f.advance(entries, p.rowStep);
          f.advance(target, p.bRow);
          f.advance(done, 1);
        });
      };
      const strip = (used: readonly Local<"v128">[]) =>
        substitute(
          () => used.forEach((sum, k) => void f.set(sum, v128.load(target, 16 * k))),
          () => {
            f.set(factor, f32x4.neg(v128.load32Splat(entry)));
            used.forEach((sum, k) => void f.set(sum, m.madd(factor, v128.load(row, 16 * k), sum)));
          },
          () => {
            f.if(i32.eqz(p.unit), () => {
              f.set(divisor, v128.load32Splat(entry));
              for (const sum of used) f.set(sum, f32x4.div(sum, divisor));
            });
            used.forEach((sum, k) => void f.store(target, sum, 16 * k));
          },
        );
      for (const count of [sums.length, 1]) {
        f.while(
          () => i32.geS(p.columns, 4 * count),
          () => {
            strip(sums.slice(0, count));
            f.advance(p.b, 16 * count);
            f.advance(p.columns, -4 * count);
          },
        );
      }
      f.repeat(p.columns, () => {
        substitute(
          () => f.set(total, f32.load(target)),
          () => f.set(total, f32.sub(total, f32.mul(f32.load(entry), f32.load(row)))),
          () => {
            f.set(pivot, f32.load(entry));
            f.if(i32.eqz(p.unit), () => f.set(total, f32.div(total, pivot)));
            f.store(target, total);
          },
        );
        f.advance(p.b, 4);
      });
    },
  );
}
