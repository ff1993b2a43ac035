import { f32, f32x4, f64, i32, v128 } from "../assembler/expressions.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";

/** Columns of a Householder panel in the layout of these kernels: contiguous rows of eight vectors. */
export const panelColumns = 32;
const vectors = panelColumns / 4;
const rowBytes = 4 * panelColumns;

/**
 * Where `sums` keeps, behind Σ x_ij·x_i, the norm of the column and the largest absolute value by lane.
 * Offsets in elements.
 */
export const panelSums = { norm: panelColumns, largest: panelColumns + 4, length: panelColumns + 8 } as const;

/**
 * `panelStart(row, rows, sums)`: what the first reflector needs of a panel: Σ_{i>0} x_i0·x_i and (Σ_{i>0} x_i0²)^½,
 * summed in f64, and the largest absolute value of all.
 */
function definePanelStart(m: ModuleBuilder): void {
  m.define("panelStart", { row: "i32", rows: "i32", sums: "i32" }, (f, p) => {
    const sums = f.locals("v128", vectors);
    const [largest, factor, x] = f.locals("v128", 3);
    const norm = f.let(f64.const(0));
    const head = f.local("f64");
    for (const sum of [...sums, largest]) f.set(sum, v128.zero);
    const pass = (summed: boolean) => {
      if (summed) {
        f.set(factor, v128.load32Splat(p.row));
        f.set(head, f64.promoteF32(f32.load(p.row)));
        f.set(norm, f64.add(norm, f64.mul(head, head)));
      }
      sums.forEach((sum, k) => {
        f.set(x, v128.load(p.row, 16 * k));
        f.set(largest, f32x4.max(largest, f32x4.abs(x)));
        if (summed) f.set(sum, m.madd(factor, x, sum));
      });
      f.advance(p.row, rowBytes);
    };
    pass(false);
    f.repeat(i32.sub(p.rows, 1), () => pass(true));
    sums.forEach((sum, k) => {
      f.store(p.sums, sum, 16 * k);
    });
    f.store(p.sums, f32.demoteF64(f64.sqrt(norm)), 4 * panelSums.norm);
    f.store(p.sums, largest, 4 * panelSums.largest);
  });
}

/**
 * `panelStep(row, rows, pivot, scale, w, sums, skipped)` applies the reflector of column j to the rows below its own
 * and prepares the next one in the same pass: v_i = scale·x_ij replaces x_ij, x_i += v_i·w, and then, for all rows but
 * the first, Σ x_i,j+1·x_i and (Σ x_i,j+1²)^½ go to `sums`.
 *
 * `row` is row j + 1, `pivot` = 4·j; `w` holds zeros up to column j; vectors before column j + 1 are `skipped`.
 */
function definePanelStep(m: ModuleBuilder): void {
  m.define(
    "panelStep",
    { row: "i32", rows: "i32", pivot: "i32", scale: "f32", w: "i32", sums: "i32", skipped: "i32" },
    (f, p) => {
      const sums = f.locals("v128", vectors);
      const [factors, next, x] = f.locals("v128", 3);
      const [v, head] = f.locals("f32", 2);
      const norm = f.let(f64.const(0));
      const wide = f.local("f64");
      const at = f.let(i32.add(p.row, p.pivot));
      const wNext = f.let(f32.load(i32.add(p.w, p.pivot), 4));
      const pass = (skipped: number, summed: boolean) => {
        f.set(v, f32.mul(f32.load(at), p.scale));
        f.set(factors, f32x4.splat(v));
        if (summed) {
          f.set(head, f32.add(f32.load(at, 4), f32.mul(v, wNext)));
          f.set(next, f32x4.splat(head));
          f.set(wide, f64.promoteF32(head));
          f.set(norm, f64.add(norm, f64.mul(wide, wide)));
        }
        for (let k = skipped; k < vectors; k++) {
          f.set(x, m.madd(factors, v128.load(p.w, 16 * k), v128.load(p.row, 16 * k)));
          f.store(p.row, x, 16 * k);
          if (summed) f.set(sums[k]!, m.madd(next, x, sums[k]!));
        }
        // After the vector that may hold it.
        f.store(at, v);
        f.advance(p.row, rowBytes);
        f.advance(at, rowBytes);
      };
      for (let skipped = 0; skipped <= vectors; skipped++) {
        f.if(i32.eq(p.skipped, skipped), () => {
          for (const sum of sums) f.set(sum, v128.zero);
          pass(skipped, false);
          f.repeat(i32.sub(p.rows, 1), () => pass(skipped, true));
          for (let k = skipped; k < vectors; k++) f.store(p.sums, sums[k]!, 16 * k);
        });
      }
      f.store(p.sums, f32.demoteF64(f64.sqrt(norm)), 4 * panelSums.norm);
    },
  );
}

export function defineHouseholderPanel(m: ModuleBuilder): void {
  definePanelStart(m);
  definePanelStep(m);
}
