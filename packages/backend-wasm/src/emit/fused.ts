import {
  type F64,
  f32,
  f32x4,
  f64,
  f64x2,
  i32,
  i32x4,
  type Local,
  select,
  type V128,
  v128,
} from "../assembler/expressions.js";
import type { FunctionBuilder } from "../assembler/function-builder.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";
import { type Bundle, fold, keep, type Locals } from "./bundle.js";
import { acrossLanes } from "./math.js";
import { addWide } from "./reduce.js";
import { eachBundle } from "./row-loops.js";
import { expOfNegative, log } from "./transcendental.js";

/** A sum in f64. Four vectors are added in f32 first: that costs two roundings, and a quarter of the instructions. */
export class WideSum {
  readonly #low: Local<"v128">;
  readonly #high: Local<"v128">;

  constructor(f: FunctionBuilder) {
    [this.#low, this.#high] = f.locals("v128", 2);
  }

  clear(f: FunctionBuilder): void {
    f.set(this.#low, v128.zero);
    f.set(this.#high, v128.zero);
  }

  add(f: FunctionBuilder, values: Bundle): void {
    addWide(f, this.#low, this.#high, fold(values, f32x4.add));
  }

  get total(): F64 {
    const pair = f64x2.add(this.#low, this.#high);
    return f64.add(f64x2.extract(pair, 0), f64x2.extract(pair, 1));
  }
}

/**
 * The largest of `count` elements from `start` on in all lanes, −∞ of nothing. NaN is passed over (that takes one
 * instruction where IEEE's maximum takes many): the sums formed next become NaN by themselves.
 */
export function rowMaximum(m: ModuleBuilder, f: FunctionBuilder, start: Local<"i32">, count: Local<"i32">) {
  const lowest = m.f32(Number.NEGATIVE_INFINITY);
  const maxima = Array.from({ length: 4 }, () => f.let(lowest));
  const x = f.let(start);
  eachBundle(m, f, count, [x], ({ load }) => {
    for (const [i, value] of load(x, lowest).entries()) f.set(maxima[i]!, f32x4.pmax(maxima[i]!, value));
  });
  return acrossLanes(f, fold<V128>(maxima, f32x4.pmax), f32x4.pmax);
}

/** e^(x − largest). */
export const expShifted = (m: ModuleBuilder, f: FunctionBuilder, x: Bundle, largest: V128): Locals =>
  expOfNegative(
    m,
    f,
    keep(f, x, (value) => f32x4.sub(value, largest)),
  );

/** `softmaxRows(from, fromRow, to, toRow, columns, rows)`. */
function defineSoftmax(m: ModuleBuilder): void {
  m.define(
    "softmaxRows",
    { from: "i32", fromRow: "i32", to: "i32", toRow: "i32", columns: "i32", rows: "i32" },
    (f, p) => {
      const [x, to] = f.locals("i32", 2);
      const sum = new WideSum(f);
      f.repeat(p.rows, () => {
        const largest = rowMaximum(m, f, p.from, p.columns);
        sum.clear(f);
        f.set(x, p.from);
        f.set(to, p.to);
        eachBundle(m, f, p.columns, [x, to], ({ load, store, mask }) => {
          const e = expShifted(m, f, load(x), largest);
          store(to, e);
          sum.add(f, e.map(mask));
        });
        const scale = f.let(f32x4.splat(f32.demoteF64(f64.div(f64.const(1), sum.total))));
        f.set(to, p.to);
        eachBundle(m, f, p.columns, [to], ({ load, store }) => {
          store(
            to,
            load(to).map((value) => f32x4.mul(value, scale)),
          );
        });
        f.advance(p.from, p.fromRow);
        f.advance(p.to, p.toRow);
      });
    },
  );
}

/** `expSumRows(from, fromRow, to, columns, rows)`: per row the maximum M and Σ exp(x − M), two f32. */
function defineExpSum(m: ModuleBuilder): void {
  m.define("expSumRows", { from: "i32", fromRow: "i32", to: "i32", columns: "i32", rows: "i32" }, (f, p) => {
    const x = f.local("i32");
    const sum = new WideSum(f);
    f.repeat(p.rows, () => {
      const largest = rowMaximum(m, f, p.from, p.columns);
      sum.clear(f);
      f.set(x, p.from);
      eachBundle(m, f, p.columns, [x], ({ load, mask }) => {
        sum.add(f, expShifted(m, f, load(x), largest).map(mask));
      });
      f.storeLane(32, p.to, largest, 0);
      f.store(p.to, f32.demoteF64(sum.total), 4);
      f.advance(p.to, 8);
      f.advance(p.from, p.fromRow);
    });
  });
}

/** `rmsNormRows(from, fromRow, gain, to, toRow, columns, rows, eps)`. */
function defineRmsNorm(m: ModuleBuilder): void {
  m.define(
    "rmsNormRows",
    {
      from: "i32",
      fromRow: "i32",
      gain: "i32",
      to: "i32",
      toRow: "i32",
      columns: "i32",
      rows: "i32",
      eps: "f64",
    },
    (f, p) => {
      const [x, gain, to] = f.locals("i32", 3);
      const sum = new WideSum(f);
      f.repeat(p.rows, () => {
        sum.clear(f);
        f.set(x, p.from);
        eachBundle(m, f, p.columns, [x], ({ load, mask }) => {
          const values = keep(f, load(x), mask);
          sum.add(
            f,
            values.map((value) => f32x4.mul(value, value)),
          );
        });
        const mean = f64.div(sum.total, f64.convertI32S(p.columns));
        const inverse = f64.div(f64.const(1), f64.sqrt(f64.add(mean, p.eps)));
        const scale = f.let(f32x4.splat(f32.demoteF64(inverse)));
        f.set(x, p.from);
        f.set(gain, p.gain);
        f.set(to, p.to);
        eachBundle(m, f, p.columns, [x, gain, to], ({ load, store }) => {
          const gains = load(gain);
          store(
            to,
            load(x).map((value, i) => f32x4.mul(f32x4.mul(value, scale), gains[i]!)),
          );
        });
        f.advance(p.from, p.fromRow);
        f.advance(p.to, p.toRow);
      });
    },
  );
}

/** `ropeRows(from, fromRow, cos, cosRow, sin, sinRow, to, toRow, half, rows)`: one row per position. */
function defineRope(m: ModuleBuilder): void {
  m.define(
    "ropeRows",
    {
      from: "i32",
      fromRow: "i32",
      cos: "i32",
      cosRow: "i32",
      sin: "i32",
      sinRow: "i32",
      to: "i32",
      toRow: "i32",
      half: "i32",
      rows: "i32",
    },
    (f, p) => {
      const cursors = f.locals("i32", 6);
      const [x1, x2, cos, sin, to1, to2] = cursors;
      const half = f.let(i32.shl(p.half, 2));
      f.repeat(p.rows, () => {
        f.set(x1, p.from);
        f.set(x2, i32.add(p.from, half));
        f.set(cos, p.cos);
        f.set(sin, p.sin);
        f.set(to1, p.to);
        f.set(to2, i32.add(p.to, half));
        eachBundle(m, f, p.half, cursors, ({ load, store }) => {
          const [a, b, c, s] = [x1, x2, cos, sin].map((cursor) => load(cursor)) as [
            Bundle,
            Bundle,
            Bundle,
            Bundle,
          ];
          store(
            to1,
            keep(f, a, (x, i) => f32x4.sub(f32x4.mul(x, c[i]!), f32x4.mul(b[i]!, s[i]!))),
          );
          store(
            to2,
            keep(f, a, (x, i) => f32x4.add(f32x4.mul(b[i]!, c[i]!), f32x4.mul(x, s[i]!))),
          );
        });
        f.advance(p.from, p.fromRow);
        f.advance(p.cos, p.cosRow);
        f.advance(p.sin, p.sinRow);
        f.advance(p.to, p.toRow);
      });
    },
  );
}

/** 1 / `sum` as the product of two f32, so that neither overflows or becomes denormal. */
function reciprocalFactors(f: FunctionBuilder, sum: F64): { first: V128; second: V128 } {
  const total = f.let(sum);
  const positive = select<"f64">(total, f64.const(1), f64.gt(total, f64.const(0)));
  const root = f.let(f32.demoteF64(f64.sqrt(f64.div(f64.const(1), positive))));
  const rest = f64.div(f64.const(1), f64.mul(total, f64.promoteF32(root)));
  return { first: f.let(f32x4.splat(root)), second: f.let(f32x4.splat(f32.demoteF64(rest))) };
}

/** `entropyRows(from, fromRow, to, columns, rows)`: −Σ p·ln p with p = x / Σx. */
function defineRowEntropy(m: ModuleBuilder): void {
  m.define("entropyRows", { from: "i32", fromRow: "i32", to: "i32", columns: "i32", rows: "i32" }, (f, p) => {
    const x = f.local("i32");
    const sum = new WideSum(f);
    const smallestNormal = f.let(m.f32(2 ** -126));
    f.repeat(p.rows, () => {
      sum.clear(f);
      f.set(x, p.from);
      eachBundle(m, f, p.columns, [x], ({ load, mask }) => sum.add(f, load(x).map(mask)));
      const { first, second } = reciprocalFactors(f, sum.total);
      sum.clear(f);
      f.set(x, p.from);
      eachBundle(m, f, p.columns, [x], ({ load, mask }) => {
        // Adding 0 turns −0 into 0.
        const shares = keep(f, load(x), (value) =>
          f32x4.add(f32x4.mul(f32x4.mul(value, first), second), v128.zero),
        );
        // The logarithm of the smallest normal number serves for 0, which it is multiplied with, and below. As
        // unsigned integers negative numbers and NaN are larger and stay.
        const logs = log(
          m,
          f,
          keep(f, shares, (share) => i32x4.maxU(share, smallestNormal)),
        );
        sum.add(
          f,
          keep(f, shares, (share, i) => mask(f32x4.mul(share, logs[i]!))),
        );
      });
      f.store(p.to, f32.neg(f32.demoteF64(sum.total)));
      f.advance(p.to, 4);
      f.advance(p.from, p.fromRow);
    });
  });
}

export function defineFused(m: ModuleBuilder): void {
  defineSoftmax(m);
  defineExpSum(m);
  defineRmsNorm(m);
  defineRope(m);
  defineRowEntropy(m);
}
