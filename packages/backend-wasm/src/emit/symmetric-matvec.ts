import { f32, f32x4, i32, type Local, v128 } from "../assembler/expressions.js";
import type { FunctionBuilder } from "../assembler/function-builder.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";

/** Rows taken at a time: each vector of y is then loaded and stored once for four rows. */
const height = 4;

/**
 * `symmetricMatvec(diagonal, row, x, y, n, rows)`: what the first rows of symmetric A, of which the upper triangle is
 * read, once, give to y += A·x: all of it for `rows` = n. `diagonal` is the address of A_00, `row` the bytes between rows.
 */
export function defineSymmetricMatvec(m: ModuleBuilder): void {
  m.define(
    "symmetricMatvec",
    { diagonal: "i32", row: "i32", x: "i32", y: "i32", n: "i32", rows: "i32" },
    (f, p) => {
      const bands = bandBuilder(m, f, p);
      f.while(
        () => i32.geS(p.rows, height),
        () => bands(height),
      );
      f.while(
        () => i32.gtS(p.rows, 0),
        () => bands(1),
      );
    },
  );
}

function bandBuilder(
  m: ModuleBuilder,
  f: FunctionBuilder,
  p: Readonly<Record<"diagonal" | "row" | "x" | "y" | "n" | "rows", Local<"i32">>>,
) {
  const [xs, ys, a] = f.locals("v128", 3);
  const sums = f.locals("v128", height);
  const factors = f.locals("v128", height);
  const rows = f.locals("i32", height);
  const [x, y, left] = f.locals("i32", 3);
  const [total, entry] = f.locals("f32", 2);
  /** y_i += value. */
  const add = (address: Local<"i32">, value: ReturnType<typeof f32.mul>, offset: number) =>
    f.store(address, f32.add(f32.load(address, offset), value), offset);
  /** `count` rows from the diagonal to the right end; moves on to the next ones. */
  return (count: 1 | typeof height) => {
    for (let r = 0; r < count; r++) {
      f.set(rows[r]!, r === 0 ? p.diagonal : i32.add(rows[r - 1]!, p.row));
      f.set(sums[r]!, v128.zero);
      f.set(factors[r]!, v128.load32Splat(p.x, 4 * r));
    }
    for (let r = 0; r < count; r++) {
      for (let c = r; c < count; c++) {
        f.set(entry, f32.load(rows[r]!, 4 * c));
        add(p.y, f32.mul(entry, f32.load(p.x, 4 * c)), 4 * r);
        if (c > r) add(p.y, f32.mul(entry, f32.load(p.x, 4 * r)), 4 * c);
      }
    }
    for (let r = 0; r < count; r++) f.advance(rows[r]!, 4 * count);
    f.set(x, i32.add(p.x, 4 * count));
    f.set(y, i32.add(p.y, 4 * count));
    f.set(left, i32.sub(p.n, count));
    f.while(
      () => i32.geS(left, 4),
      () => {
        f.set(xs, v128.load(x));
        f.set(ys, v128.load(y));
        for (let r = 0; r < count; r++) {
          f.set(a, v128.load(rows[r]!));
          f.set(sums[r]!, m.madd(a, xs, sums[r]!));
          f.set(ys, m.madd(a, factors[r]!, ys));
          f.advance(rows[r]!, 16);
        }
        f.store(y, ys);
        f.advance(x, 16);
        f.advance(y, 16);
        f.advance(left, -4);
      },
    );
    for (let r = 0; r < count; r++) {
      const lane = (i: number) => f32x4.extract(sums[r]!, i);
      f.set(total, f32.add(f32.add(lane(0), lane(1)), f32.add(lane(2), lane(3))));
      add(p.y, total, 4 * r);
    }
    f.repeat(left, () => {
      for (let r = 0; r < count; r++) {
        f.set(entry, f32.load(rows[r]!));
        add(p.y, f32.mul(entry, f32.load(x)), 4 * r);
        add(y, f32.mul(entry, f32.load(p.x, 4 * r)), 0);
        f.advance(rows[r]!, 4);
      }
      f.advance(x, 4);
      f.advance(y, 4);
    });
    f.advance(p.diagonal, i32.mul(i32.add(p.row, 4), count));
    f.advance(p.x, 4 * count);
    f.advance(p.y, 4 * count);
    f.advance(p.n, -count);
    f.advance(p.rows, -count);
  };
}
