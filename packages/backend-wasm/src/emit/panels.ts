import { f32, f32x4, i32, v128 } from "../assembler/expressions.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";
import { defineCholeskyPanel } from "./cholesky.js";
import { defineHouseholderPanel } from "./householder.js";
import { defineSymmetricMatvec } from "./symmetric-matvec.js";
import { defineTriangularSolve } from "./triangular-solve.js";

/**
 * `combineRows(out, coefficients, coefficientStep, rows, rowStep, count, columns, scale, accumulate)`:
 * out = scale · Σ_j coefficient_j · row_j (+ out). Serves Householder panels, tridiagonalisation and vector·matrix.
 */
function defineCombineRows(m: ModuleBuilder): void {
  m.define(
    "combineRows",
    {
      out: "i32",
      coefficients: "i32",
      coefficientStep: "i32",
      rows: "i32",
      rowStep: "i32",
      count: "i32",
      columns: "i32",
      scale: "f32",
      accumulate: "i32",
    },
    (f, p) => {
      const sums = f.locals("v128", 8);
      const scale = f.let(f32x4.splat(p.scale));
      const [row, coefficient, factor] = [f.local("i32"), f.local("i32"), f.local("v128")];
      for (const count of [8, 1]) {
        f.while(
          () => i32.geS(p.columns, 4 * count),
          () => {
            const used = sums.slice(0, count);
            for (const sum of used) f.set(sum, v128.zero);
            f.set(row, p.rows);
            f.set(coefficient, p.coefficients);
            f.repeat(p.count, () => {
              f.set(factor, v128.load32Splat(coefficient));
              used.forEach((sum, i) => {
                f.set(sum, m.madd(factor, v128.load(row, 16 * i), sum));
              });
              f.advance(row, p.rowStep);
              f.advance(coefficient, p.coefficientStep);
            });
            used.forEach((sum, i) => {
              f.set(sum, f32x4.mul(sum, scale));
              f.if(p.accumulate, () => f.set(sum, f32x4.add(v128.load(p.out, 16 * i), sum)));
              f.store(p.out, sum, 16 * i);
            });
            f.advance(p.out, 16 * count);
            f.advance(p.rows, 16 * count);
            f.advance(p.columns, -4 * count);
          },
        );
      }
      const total = f.local("f32");
      f.repeat(p.columns, () => {
        f.set(total, f32.const(0));
        f.set(row, p.rows);
        f.set(coefficient, p.coefficients);
        f.repeat(p.count, () => {
          f.set(total, f32.add(total, f32.mul(f32.load(coefficient), f32.load(row))));
          f.advance(row, p.rowStep);
          f.advance(coefficient, p.coefficientStep);
        });
        f.set(total, f32.mul(total, p.scale));
        f.if(p.accumulate, () => f.set(total, f32.add(f32.load(p.out), total)));
        f.store(p.out, total);
        f.advance(p.out, 4);
        f.advance(p.rows, 4);
      });
    },
  );
}

/**
 * `addOuter(out, outRow, coefficients, coefficientStep, vector, rows, columns, scale)`:
 * out_ij += scale · coefficient_i · vector_j.
 */
function defineAddOuter(m: ModuleBuilder): void {
  m.define(
    "addOuter",
    {
      out: "i32",
      outRow: "i32",
      coefficients: "i32",
      coefficientStep: "i32",
      vector: "i32",
      rows: "i32",
      columns: "i32",
      scale: "f32",
    },
    (f, p) => {
      const factor = f.local("f32");
      const factors = f.local("v128");
      const [x, to, left] = f.locals("i32", 3);
      f.repeat(p.rows, () => {
        f.set(factor, f32.mul(p.scale, f32.load(p.coefficients)));
        f.set(factors, f32x4.splat(factor));
        f.set(x, p.vector);
        f.set(to, p.out);
        f.set(left, p.columns);
        f.while(
          () => i32.geS(left, 4),
          () => {
            f.store(to, m.madd(factors, v128.load(x), v128.load(to)));
            f.advance(x, 16);
            f.advance(to, 16);
            f.advance(left, -4);
          },
        );
        f.repeat(left, () => {
          f.store(to, f32.add(f32.load(to), f32.mul(factor, f32.load(x))));
          f.advance(x, 4);
          f.advance(to, 4);
        });
        f.advance(p.out, p.outRow);
        f.advance(p.coefficients, p.coefficientStep);
      });
    },
  );
}

export function definePanelKernels(m: ModuleBuilder): void {
  defineCombineRows(m);
  defineAddOuter(m);
  defineCholeskyPanel(m);
  defineHouseholderPanel(m);
  defineSymmetricMatvec(m);
  defineTriangularSolve(m);
}
