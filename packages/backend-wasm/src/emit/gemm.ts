import { f32, f32x4, i32, type Local, threadArea, type V128, v128 } from "../assembler/expressions.js";
import type { FunctionBuilder } from "../assembler/function-builder.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";
import type { GemmTile } from "../engine/features.js";
import { layout } from "../engine/layout.js";

type Accumulators = readonly (readonly Local<"v128">[])[];

/** Of kernels that do a whole product on one thread. */
export const wholeParameters = {
  a: "i32",
  aRow: "i32",
  b: "i32",
  bRow: "i32",
  out: "i32",
  outRow: "i32",
  rows: "i32",
  columns: "i32",
  depth: "i32",
  stretch: "i32",
  alpha: "f32",
  accumulate: "i32",
} as const;

/**
 * `gemmBlock(a, b, out, outRow, rows, columns, depth, accumulate)`: the product of a packed block of A (panels of
 * `tile.rows` rows) and one of B (panels of `tile.columns` columns), after Goto and van de Geijn, *Anatomy of
 * High-Performance Matrix Multiplication*, 2008. `depth` is a positive multiple of `tile.unroll`, `outRow` in bytes.
 */
export function defineGemmBlock(m: ModuleBuilder, tile: GemmTile): void {
  const vectors = tile.columns / 4;
  m.define(
    "gemmBlock",
    {
      a: "i32",
      b: "i32",
      out: "i32",
      outRow: "i32",
      rows: "i32",
      columns: "i32",
      depth: "i32",
      accumulate: "i32",
    },
    (f, p) => {
      const acc: Accumulators = Array.from({ length: tile.rows }, () => f.locals("v128", vectors));
      const [a, b, to, left] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
      f.doWhile(
        () => {
          f.set(a, p.a);
          f.set(to, p.out);
          f.set(left, p.rows);
          f.doWhile(
            () => {
              f.set(b, p.b);
              multiplyPanels(f, tile, acc, a, b, p.depth);
              const whole = i32.and(i32.geS(left, tile.rows), i32.geS(p.columns, tile.columns));
              f.if(
                whole,
                () => storeTile(f, acc, to, p.outRow, p.accumulate),
                () => storeEdge(f, tile, acc, to, p.outRow, p.accumulate, left, p.columns),
              );
              f.advance(to, i32.mul(p.outRow, tile.rows));
              f.advance(left, -tile.rows);
            },
            () => i32.gtS(left, 0),
          );
          f.set(p.b, b);
          f.advance(p.out, tile.columns * 4);
          f.advance(p.columns, -tile.columns);
        },
        () => i32.gtS(p.columns, 0),
      );
    },
  );
}

/** The part of a tile that matters once its sums are formed. */
type SumTile = Pick<GemmTile, "rows" | "columns" | "fma">;

export const multiplyAdd = (tile: SumTile, a: V128, b: V128, sum: V128): V128 =>
  tile.fma ? f32x4.relaxedMadd(a, b, sum) : f32x4.add(f32x4.mul(a, b), sum);

/** One panel of A times one of B into the accumulators; leaves `a` and `b` behind the panels. */
function multiplyPanels(
  f: FunctionBuilder,
  tile: GemmTile,
  acc: Accumulators,
  a: Local<"i32">,
  b: Local<"i32">,
  depth: Local<"i32">,
): void {
  for (const row of acc) for (const sum of row) f.set(sum, v128.zero);
  const right = f.locals("v128", tile.columns / 4);
  const left = f.local("v128");
  const k = f.let(depth);
  f.block((exit) => {
    f.doWhile(
      () => {
        for (let step = 0; step < tile.unroll; step++) {
          // Never taken: k stays a multiple of the unrolling. See GemmTile.separateSteps.
          if (tile.separateSteps && step > 0) f.breakIf(exit, i32.eqz(i32.sub(k, step)));
          right.forEach((vector, column) => {
            f.set(vector, v128.load(b, (step * tile.columns + column * 4) * 4));
          });
          acc.forEach((row, index) => {
            f.set(left, v128.load32Splat(a, (step * tile.rows + index) * 4));
            row.forEach((sum, column) => {
              f.set(sum, multiplyAdd(tile, left, right[column]!, sum));
            });
          });
        }
        f.advance(a, tile.unroll * tile.rows * 4);
        f.advance(b, tile.unroll * tile.columns * 4);
        f.advance(k, -tile.unroll);
      },
      () => i32.gtS(k, 0),
    );
  });
}

export function storeTile(
  f: FunctionBuilder,
  acc: Accumulators,
  to: Local<"i32">,
  outRow: Local<"i32">,
  accumulate: Local<"i32">,
): void {
  const row = f.local("i32");
  const store = (add: boolean) => {
    f.set(row, to);
    for (const sums of acc) {
      sums.forEach((sum, column) => {
        f.store(row, add ? f32x4.add(v128.load(row, column * 16), sum) : sum, column * 16);
      });
      f.advance(row, outRow);
    }
  };
  f.if(
    accumulate,
    () => store(true),
    () => store(false),
  );
}

/** Stores the part of a tile that lies inside the matrix, by way of the scratch area. */
export function storeEdge(
  f: FunctionBuilder,
  tile: SumTile,
  acc: Accumulators,
  to: Local<"i32">,
  outRow: Local<"i32">,
  accumulate: Local<"i32">,
  rows: Local<"i32">,
  columns: Local<"i32">,
): void {
  acc.forEach((sums, row) => {
    sums.forEach((sum, column) => {
      f.store(threadArea, sum, layout.scratch + (row * tile.columns + column * 4) * 4);
    });
  });
  const [from, rowStart, source, target] = f.locals("i32", 4);
  f.set(from, i32.add(threadArea, layout.scratch));
  f.set(rowStart, to);
  f.repeat(i32.min(rows, tile.rows), () => {
    f.set(source, from);
    f.set(target, rowStart);
    f.repeat(i32.min(columns, tile.columns), () => {
      f.if(
        accumulate,
        () => f.store(target, f32.add(f32.load(target), f32.load(source))),
        () => f.store(target, f32.load(source)),
      );
      f.advance(source, 4);
      f.advance(target, 4);
    });
    f.advance(from, tile.columns * 4);
    f.advance(rowStart, outRow);
  });
}

/**
 * Products with a vector. `gemvDot(matrix, matrixRow, vector, out, outStep, rows, columns, alpha, accumulate)`: dot
 * products of contiguous rows; `combineRows` (see `panels.ts`) serves the other orientation.
 */
export function defineGemv(m: ModuleBuilder): void {
  m.define(
    "gemvDot",
    {
      matrix: "i32",
      matrixRow: "i32",
      vector: "i32",
      out: "i32",
      outStep: "i32",
      rows: "i32",
      columns: "i32",
      alpha: "f32",
      accumulate: "i32",
    },
    (f, p) => {
      const sums = f.locals("v128", 4);
      const [x, y, left] = [f.local("i32"), f.local("i32"), f.local("i32")];
      f.repeat(p.rows, () => {
        for (const sum of sums) f.set(sum, v128.zero);
        f.set(x, p.matrix);
        f.set(y, p.vector);
        f.set(left, p.columns);
        const step = (count: number) => {
          for (let i = 0; i < count; i++) {
            f.set(sums[i]!, m.madd(v128.load(x, 16 * i), v128.load(y, 16 * i), sums[i]!));
          }
          f.advance(x, 16 * count);
          f.advance(y, 16 * count);
          f.advance(left, -4 * count);
        };
        f.while(
          () => i32.geS(left, 16),
          () => step(4),
        );
        f.while(
          () => i32.geS(left, 4),
          () => step(1),
        );
        const [s0, s1, s2, s3] = sums;
        f.set(s0, f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
        const lane = (i: number) => f32x4.extract(s0, i);
        const total = f.let(f32.add(f32.add(lane(0), lane(1)), f32.add(lane(2), lane(3))));
        f.repeat(left, () => {
          f.set(total, f32.add(total, f32.mul(f32.load(x), f32.load(y))));
          f.advance(x, 4);
          f.advance(y, 4);
        });
        f.set(total, f32.mul(total, p.alpha));
        f.if(p.accumulate, () => f.set(total, f32.add(total, f32.load(p.out))));
        f.store(p.out, total);
        f.advance(p.out, p.outStep);
        f.advance(p.matrix, p.matrixRow);
      });
    },
  );
}
