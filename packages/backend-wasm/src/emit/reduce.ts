import {
  f32,
  f32x4,
  f64,
  f64x2,
  type Int,
  i8x16,
  i32,
  i32x4,
  type Local,
  type V128,
  v128,
} from "../assembler/expressions.js";
import type { FunctionBuilder } from "../assembler/function-builder.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";
import { acrossLanes } from "./math.js";

/** A reduction whose partial results are vectors of the elements' own type. */
interface VectorReduction {
  readonly name: string;
  readonly elementBytes: 1 | 4;
  readonly initial: (m: ModuleBuilder) => V128;
  readonly combine: (a: V128, b: V128) => V128;
  /** One element, the other lanes such that they change nothing. */
  readonly loadOne: (address: Int) => V128;
}

const reductions: readonly VectorReduction[] = [
  {
    name: "max_f32",
    elementBytes: 4,
    initial: (m) => m.f32(Number.NEGATIVE_INFINITY),
    combine: f32x4.max,
    loadOne: v128.load32Splat,
  },
  {
    name: "min_f32",
    elementBytes: 4,
    initial: (m) => m.f32(Number.POSITIVE_INFINITY),
    combine: f32x4.min,
    loadOne: v128.load32Splat,
  },
  {
    name: "sum_i32",
    elementBytes: 4,
    initial: () => v128.zero,
    combine: i32x4.add,
    loadOne: v128.load32Zero,
  },
  {
    name: "max_i32",
    elementBytes: 4,
    initial: (m) => m.i32(-0x80000000),
    combine: i32x4.maxS,
    loadOne: v128.load32Splat,
  },
  {
    name: "min_i32",
    elementBytes: 4,
    initial: (m) => m.i32(0x7fffffff),
    combine: i32x4.minS,
    loadOne: v128.load32Splat,
  },
  {
    name: "any_bool",
    elementBytes: 1,
    initial: () => v128.zero,
    combine: i8x16.maxU,
    loadOne: v128.load8Splat,
  },
  {
    name: "all_bool",
    elementBytes: 1,
    initial: (m) => m.i32(0x01010101),
    combine: i8x16.minU,
    loadOne: v128.load8Splat,
  },
];

const rowParameters = { from: "i32", fromRow: "i32", to: "i32", columns: "i32", rows: "i32" } as const;
const columnParameters = {
  from: "i32",
  fromRow: "i32",
  to: "i32",
  columns: "i32",
  rows: "i32",
} as const;

/** `name_rows(from, fromRow, to, columns, rows)`: each row of consecutive elements to one. */
function defineRows(
  m: ModuleBuilder,
  { name, elementBytes, initial, combine, loadOne }: VectorReduction,
): void {
  const lanes = 16 / elementBytes;
  m.define(`${name}_rows`, rowParameters, (f, p) => {
    const sums = f.locals("v128", 4);
    const [x, left] = [f.local("i32"), f.local("i32")];
    f.repeat(p.rows, () => {
      for (const sum of sums) f.set(sum, initial(m));
      f.set(x, p.from);
      f.set(left, p.columns);
      const step = (count: number) => {
        for (let i = 0; i < count; i++) f.set(sums[i]!, combine(sums[i]!, v128.load(x, 16 * i)));
        f.advance(x, 16 * count);
        f.advance(left, -lanes * count);
      };
      f.while(
        () => i32.geS(left, 4 * lanes),
        () => step(4),
      );
      f.while(
        () => i32.geS(left, lanes),
        () => step(1),
      );
      f.repeat(left, () => {
        f.set(sums[1]!, combine(sums[1]!, loadOne(x)));
        f.advance(x, elementBytes);
      });
      finishRow(f, name, sums, combine, p.to);
      f.advance(p.to, elementBytes);
      f.advance(p.from, p.fromRow);
    });
  });
}

function finishRow(
  f: FunctionBuilder,
  name: string,
  sums: readonly [V128, V128, V128, V128],
  combine: (a: V128, b: V128) => V128,
  to: Local<"i32">,
): void {
  const [a, b, c, d] = sums;
  const total = f.let(combine(combine(a, b), combine(c, d)));
  if (name === "any_bool") f.store8(to, v128.anyTrue(total));
  else if (name === "all_bool") f.store8(to, i8x16.allTrue(total));
  else f.storeLane(32, to, acrossLanes(f, total, combine), 0);
}

/** `name_columns(from, fromRow, to, columns, rows)`: `rows` ≥ 0 rows combined element by element. */
function defineColumns(m: ModuleBuilder, { name, elementBytes, initial, combine }: VectorReduction): void {
  const lanes = 16 / elementBytes;
  m.define(`${name}_columns`, columnParameters, (f, p) => {
    const sums = f.locals("v128", 4);
    const from = f.local("i32");
    const strip = (count: number, store: () => void) => {
      for (const sum of sums.slice(0, count)) f.set(sum, initial(m));
      f.set(from, p.from);
      f.repeat(p.rows, () => {
        for (let i = 0; i < count; i++) f.set(sums[i]!, combine(sums[i]!, v128.load(from, 16 * i)));
        f.advance(from, p.fromRow);
      });
      store();
      f.advance(p.from, 16 * count);
      f.advance(p.to, 16 * count);
      f.advance(p.columns, -lanes * count);
    };
    const storeAll = (count: number) => () => {
      for (let i = 0; i < count; i++) f.store(p.to, sums[i]!, 16 * i);
    };
    for (const count of [4, 1]) {
      f.while(
        () => i32.geS(p.columns, lanes * count),
        () => strip(count, storeAll(count)),
      );
    }
    f.if(i32.gtS(p.columns, 0), () =>
      strip(1, () => {
        // The last few columns were read beyond the row's end; only theirs are stored.
        const at = f.let(p.to);
        const rest = f.let(sums[0]!);
        f.repeat(p.columns, () => {
          if (elementBytes === 4) f.storeLane(32, at, rest, 0);
          else f.store8(at, i32.and(i32x4.extract(rest, 0), 255));
          f.set(rest, shiftDown(rest, elementBytes));
          f.advance(at, elementBytes);
        });
      }),
    );
  });
}

/** Moves every element one place towards lane 0. */
const shiftDown = (value: V128, elementBytes: number): V128 =>
  v128.shuffle8(
    value,
    v128.zero,
    Array.from({ length: 16 }, (_, i) => i + elementBytes),
  );

/** Sums of f32 are kept in f64, so their error does not grow with the length. */
function defineSumRows(m: ModuleBuilder): void {
  m.define("sum_f32_rows", rowParameters, (f, p) => {
    const sums = f.locals("v128", 4);
    const [x, left] = [f.local("i32"), f.local("i32")];
    f.repeat(p.rows, () => {
      for (const sum of sums) f.set(sum, v128.zero);
      f.set(x, p.from);
      f.set(left, p.columns);
      f.while(
        () => i32.geS(left, 8),
        () => {
          for (const i of [0, 1]) {
            addWide(f, sums[2 * i]!, sums[2 * i + 1]!, v128.load(x, 16 * i));
          }
          f.advance(x, 32);
          f.advance(left, -8);
        },
      );
      const [a, b, c, d] = sums;
      const pair = f.let(f64x2.add(f64x2.add(a, b), f64x2.add(c, d)));
      const total = f.let(f64.add(f64x2.extract(pair, 0), f64x2.extract(pair, 1)));
      f.repeat(left, () => {
        f.set(total, f64.add(total, f64.promoteF32(f32.load(x))));
        f.advance(x, 4);
      });
      f.store(p.to, f32.demoteF64(total));
      f.advance(p.to, 4);
      f.advance(p.from, p.fromRow);
    });
  });
}

/** Adds four f32 to two vectors of two f64. */
export function addWide(f: FunctionBuilder, low: Local<"v128">, high: Local<"v128">, value: V128): void {
  const four = f.let(value);
  f.set(low, f64x2.add(low, f64x2.promoteLowF32x4(four)));
  f.set(high, f64x2.add(high, f64x2.promoteLowF32x4(v128.shuffle32(four, four, [2, 3, 2, 3]))));
}

function defineSumColumns(m: ModuleBuilder): void {
  m.define("sum_f32_columns", columnParameters, (f, p) => {
    const sums = f.locals("v128", 8);
    const from = f.local("i32");
    for (const count of [4, 1]) {
      f.while(
        () => i32.geS(p.columns, 4 * count),
        () => {
          for (const sum of sums.slice(0, 2 * count)) f.set(sum, v128.zero);
          f.set(from, p.from);
          f.repeat(p.rows, () => {
            for (let i = 0; i < count; i++) {
              addWide(f, sums[2 * i]!, sums[2 * i + 1]!, v128.load(from, 16 * i));
            }
            f.advance(from, p.fromRow);
          });
          sums.slice(0, 2 * count).forEach((sum, i) => {
            f.store(p.to, f32.demoteF64(f64x2.extract(sum, 0)), 8 * i);
            f.store(p.to, f32.demoteF64(f64x2.extract(sum, 1)), 8 * i + 4);
          });
          f.advance(p.from, 16 * count);
          f.advance(p.to, 16 * count);
          f.advance(p.columns, -4 * count);
        },
      );
    }
    f.repeat(p.columns, () => {
      const total = f.let(f64.const(0));
      f.set(from, p.from);
      f.repeat(p.rows, () => {
        f.set(total, f64.add(total, f64.promoteF32(f32.load(from))));
        f.advance(from, p.fromRow);
      });
      f.store(p.to, f32.demoteF64(total));
      f.advance(p.from, 4);
      f.advance(p.to, 4);
    });
  });
}

export function defineReductions(m: ModuleBuilder): void {
  for (const reduction of reductions) {
    defineRows(m, reduction);
    defineColumns(m, reduction);
  }
  defineSumRows(m);
  defineSumColumns(m);
}
