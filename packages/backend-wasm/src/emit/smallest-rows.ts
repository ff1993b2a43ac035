import {
  f64,
  type I32,
  i8x16,
  i16x8,
  i32,
  i32x4,
  int,
  type Local,
  select,
  threadArea,
  type V128,
  v128,
} from "../assembler/expressions.js";
import type { FunctionBuilder } from "../assembler/function-builder.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";
import { layout } from "../engine/layout.js";
import { fold } from "./bundle.js";
import { acrossLanes, orderKey } from "./math.js";
import { eachBundle } from "./row-loops.js";

/** Elements that are marked at a time. */
const stride = 16;
const largestKey = 0x7fffffff;

/** Bytes of workspace for rows of `group` elements. */
export const smallestRowsBytes = (group: number): number => 4 * (Math.ceil(group / stride) + 1) * stride;

/**
 * `smallestRows_dtype(from, to, keys, group, count, rows)`: marks the `count` (0 < count < group) smallest of each row of
 * `group` consecutive elements, ties by the lower index. `keys` names {@link smallestRowsBytes}.
 *
 * A threshold is searched among the integers that order the elements, by interpolation between counts; any that `count`
 * elements do not exceed will do. Every third step halves the interval, so about a hundred steps are the most; on random
 * rows six to ten do. If the interval closes on one key, elements equal to it are taken from the left.
 */
export function defineSmallestRows(m: ModuleBuilder, dtype: "f32" | "i32"): void {
  const parameters = {
    from: "i32",
    to: "i32",
    keys: "i32",
    group: "i32",
    count: "i32",
    rows: "i32",
  } as const;
  m.define(`smallestRows_${dtype}`, parameters, (f, p) => {
    const padded = f.let(i32.and(i32.add(p.group, stride - 1), -stride));
    const [low, high, lowCount, highCount] = f.locals("f64", 4);
    const threshold = f.local("i32");
    f.repeat(p.rows, () => {
      writeKeys(m, f, dtype, p, low, high);
      f.set(lowCount, f64.const(0));
      f.set(highCount, f64.convertI32S(p.group));
      const wanted = f.let(f64.convertI32S(p.count));
      const step = f.let(int(0));
      const unsettled = () => i32.and(f64.gt(highCount, wanted), f64.gt(f64.sub(high, low), f64.const(1)));
      f.while(unsettled, () => {
        f.advance(step, 1);
        const halves = i32.eqz(i32.remU(step, 3));
        const guess = f64.div(f64.sub(wanted, lowCount), f64.sub(highCount, lowCount));
        const part = select(f64.const(0.5), guess, halves);
        const between = f64.floor(f64.add(low, f64.mul(f64.sub(high, low), part)));
        const pivot = f.let(
          f64.min(f64.max(between, f64.add(low, f64.const(1))), f64.sub(high, f64.const(1))),
        );
        f.set(threshold, i32.truncF64S(pivot));
        const below = f.let(f64.convertI32S(countUpTo(f, p.keys, padded, threshold)));
        f.if(
          f64.gt(wanted, below),
          () => {
            f.set(low, pivot);
            f.set(lowCount, below);
          },
          () => {
            f.set(high, pivot);
            f.set(highCount, below);
          },
        );
      });
      f.set(threshold, i32.truncF64S(high));
      // Equal to the threshold and still to be marked; all of them where the counts agree.
      const missing = i32.truncF64S(f64.sub(wanted, lowCount));
      const equal = f.let(select(missing, p.group, f64.gt(highCount, wanted)));
      markRow(m, f, p, threshold, equal);
      f.advance(p.from, i32.shl(p.group, 2));
      f.advance(p.to, p.group);
    });
  });
}

interface Row {
  readonly from: Local<"i32">;
  readonly to: Local<"i32">;
  readonly keys: Local<"i32">;
  readonly group: Local<"i32">;
}

/** Keys of a row, padded by the largest; `low` becomes one less than the least of them, `high` no less than the largest. */
function writeKeys(
  m: ModuleBuilder,
  f: FunctionBuilder,
  dtype: "f32" | "i32",
  { from, keys, group }: Row,
  low: Local<"f64">,
  high: Local<"f64">,
): void {
  const padding = f.let(m.i32(largestKey));
  const least = f.let(padding);
  const most = f.let(m.i32(-0x80000000));
  const [x, key] = [f.let(from), f.let(keys)];
  eachBundle(m, f, group, [x, key], ({ load, mask }) => {
    for (const [i, value] of load(x, padding).entries()) {
      const ordered = f.let(dtype === "f32" ? orderKey(m, f, value) : value);
      f.store(key, ordered, 16 * i);
      f.set(least, i32x4.minS(least, ordered));
      f.set(most, i32x4.maxS(most, mask(ordered)));
    }
  });
  for (let offset = 0; offset < 4 * stride; offset += 16) f.store(key, padding, offset);
  f.set(low, f64.sub(f64.convertI32S(firstLane(f, least, i32x4.minS)), f64.const(1)));
  f.set(high, f64.convertI32S(firstLane(f, most, i32x4.maxS)));
}

const firstLane = (f: FunctionBuilder, value: V128, combine: (a: V128, b: V128) => V128): I32 =>
  i32x4.extract(acrossLanes(f, value, combine), 0);

/** How many of the keys do not exceed a threshold below the largest key. */
function countUpTo(
  f: FunctionBuilder,
  keys: Local<"i32">,
  padded: Local<"i32">,
  threshold: Local<"i32">,
): I32 {
  const limit = f.let(i32x4.splat(threshold));
  const above = [0, 1, 2, 3].map(() => f.let(v128.zero));
  const key = f.let(keys);
  f.repeat(i32.shrU(padded, 4), () => {
    for (const [i, sum] of above.entries()) {
      f.set(sum, i32x4.add(sum, i32x4.gtS(v128.load(key, 16 * i), limit)));
    }
    f.advance(key, 4 * stride);
  });
  // Masks are −1.
  return i32.add(padded, firstLane(f, fold<V128>(above, i32x4.add), i32x4.add));
}

/** Marks what lies below the threshold and the first `equal` elements that equal it. */
function markRow(
  m: ModuleBuilder,
  f: FunctionBuilder,
  { to, keys, group }: Row,
  threshold: Local<"i32">,
  equal: Local<"i32">,
): void {
  const limit = f.let(i32x4.splat(threshold));
  const [key, target, left] = [f.let(keys), f.let(to), f.let(group)];
  const ones = f.let(m.i32(0x01010101));
  const all = f.let(i32.geS(equal, group));
  const area = f.let(i32.add(threadArea, layout.scratch));
  const bytes = (compare: (key: V128) => V128): V128 => {
    const [a, b, c, d] = [0, 16, 32, 48].map((offset) => compare(v128.load(key, offset))) as [
      V128,
      V128,
      V128,
      V128,
    ];
    return i8x16.narrowI16x8S(i16x8.narrowI32x4S(a, b), i16x8.narrowI32x4S(c, d));
  };
  f.doWhile(
    () => {
      const marks = f.let(
        v128.andnot(
          ones,
          bytes((value) => i32x4.gtS(value, limit)),
        ),
      );
      const tied = f.let(bytes((value) => i32x4.eq(value, limit)));
      f.if(i32.and(i32.eqz(all), v128.anyTrue(tied)), () => {
        f.store(area, v128.andnot(marks, tied));
        f.store(area, v128.and(ones, tied), 16);
        const byte = f.let(area);
        f.repeat(stride, () => {
          const taken = f.let(i32.and(i32.load8U(byte, 16), i32.gtS(equal, 0)));
          f.store8(byte, i32.or(i32.load8U(byte), taken));
          f.set(equal, i32.sub(equal, taken));
          f.advance(byte, 1);
        });
        f.set(marks, v128.load(area));
      });
      f.if(
        i32.geS(left, stride),
        () => f.store(target, marks),
        () => {
          f.store(area, marks);
          f.memoryCopy(target, area, left);
        },
      );
      f.advance(key, 4 * stride);
      f.advance(target, stride);
      f.advance(left, -stride);
    },
    () => i32.gtS(left, 0),
  );
}
