import { type F64, f32, f32x4, f64, f64x2, i32, type Local, select, type V128, v128 } from "../assembler/expressions.js";
import type { FunctionBuilder } from "../assembler/function-builder.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";
import { acrossLanes } from "./math.js";
import { addWide } from "./reduce.js";
import { eachVector, storeLanes } from "./row-loops.js";
import { exp as exps, log as logs } from "./transcendental.js";
const exp=(m: ModuleBuilder,f: FunctionBuilder,x: V128)=>exps(m,f,[f.let(x)])[0]!;
const log=(m: ModuleBuilder,f: FunctionBuilder,x: V128)=>logs(m,f,[f.let(x)])[0]!;

const total = (low: Local<"v128">, high: Local<"v128">): F64 => {
  const pair = f64x2.add(low, high);
  return f64.add(f64x2.extract(pair, 0), f64x2.extract(pair, 1));
};

/**
 * The largest of `count` elements from `start` on in all lanes, −∞ of nothing. NaN is passed over (that takes one
 * instruction where IEEE's maximum takes many): the sums formed next become NaN by themselves.
 */
function rowMaximum(m: ModuleBuilder, f: FunctionBuilder, start: Local<"i32">, count: Local<"i32">) {
  const lowest = m.f32(Number.NEGATIVE_INFINITY);
  const largest = f.let(lowest);
  const x = f.let(start);
  eachVector(m, f, count, [x], (partial) => {
    const value = partial ? v128.bitselect(v128.load(x), lowest, partial.mask) : v128.load(x);
    f.set(largest, f32x4.pmax(largest, value));
  });
  return acrossLanes(f, largest, f32x4.pmax);
}

/**
 * `softmaxRows(from, fromRow, to, toRow, columns, rows, visible, visibleStep, lowest)`: row r takes its first
 * `visible + r·visibleStep` columns (at most `columns`); the others become 0. A row that sees nothing becomes NaN.
 * What lies more than −`lowest` below the row's maximum counts as 0: without such a cut, weights that do not matter become
 * denormal, and arithmetic on those is a hundred times slower.
 */
function defineSoftmax(m: ModuleBuilder): void {
  m.define(
    "softmaxRows",
    {
      from: "i32",
      fromRow: "i32",
      to: "i32",
      toRow: "i32",
      columns: "i32",
      rows: "i32",
      visible: "i32",
      visibleStep: "i32",
      lowest: "f32",
    },
    (f, p) => {
      const [x, to, count] = [f.local("i32"), f.local("i32"), f.local("i32")];
      const [low, high] = [f.local("v128"), f.local("v128")];
      const lowest = f.let(f32x4.splat(p.lowest));
      f.repeat(p.rows, () => {
        f.set(count, i32.min(p.visible, p.columns));
        f.set(count, select(count, i32.sub(count, count), i32.gtS(count, 0)));
        const largest = rowMaximum(m, f, p.from, count);
        f.set(low, v128.zero);
        f.set(high, v128.zero);
        f.set(x, p.from);
        f.set(to, p.to);
        eachVector(m, f, count, [x, to], (partial) => {
          const shifted = f.let(f32x4.sub(v128.load(x), largest));
          const e = f.let(v128.andnot(exp(m, f, shifted), f32x4.lt(shifted, lowest)));
          storeLanes(f, to, e, partial?.lanes);
          addWide(f, low, high, partial ? v128.and(e, partial.mask) : e);
        });
        const scale = f.let(f32x4.splat(f32.demoteF64(f64.div(f64.const(1), total(low, high)))));
        f.set(to, p.to);
        eachVector(m, f, count, [to], (partial) => {
          storeLanes(f, to, f32x4.mul(v128.load(to), scale), partial?.lanes);
        });
        const rest = f.let(f32x4.splat(select(f32.const(0), f32.const(Number.NaN), count)));
        eachVector(m, f, i32.sub(p.columns, count), [to], (partial) => {
          storeLanes(f, to, rest, partial?.lanes);
        });
        f.advance(p.visible, p.visibleStep);
        f.advance(p.from, p.fromRow);
        f.advance(p.to, p.toRow);
      });
    },
  );
}

/** `expSumRows(from, fromRow, to, columns, rows)`: per row the maximum M and Σ exp(x − M), two f32. */
function defineExpSum(m: ModuleBuilder): void {
  m.define("expSumRows", { from: "i32", fromRow: "i32", to: "i32", columns: "i32", rows: "i32" }, (f, p) => {
    const [x, low, high] = [f.local("i32"), f.local("v128"), f.local("v128")];
    f.repeat(p.rows, () => {
      const largest = rowMaximum(m, f, p.from, p.columns);
      f.set(low, v128.zero);
      f.set(high, v128.zero);
      f.set(x, p.from);
      eachVector(m, f, p.columns, [x], (partial) => {
        const e = exp(m, f, f32x4.sub(v128.load(x), largest));
        addWide(f, low, high, partial ? v128.and(e, partial.mask) : e);
      });
      f.storeLane(32, p.to, largest, 0);
      f.store(p.to, f32.demoteF64(total(low, high)), 4);
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
      const [x, gain, to] = [f.local("i32"), f.local("i32"), f.local("i32")];
      const [low, high] = [f.local("v128"), f.local("v128")];
      f.repeat(p.rows, () => {
        f.set(low, v128.zero);
        f.set(high, v128.zero);
        f.set(x, p.from);
        eachVector(m, f, p.columns, [x], (partial) => {
          const value = f.let(partial ? v128.and(v128.load(x), partial.mask) : v128.load(x));
          addWide(f, low, high, f32x4.mul(value, value));
        });
        const mean = f64.div(total(low, high), f64.convertI32S(p.columns));
        const inverse = f64.div(f64.const(1), f64.sqrt(f64.add(mean, p.eps)));
        const scale = f.let(f32x4.splat(f32.demoteF64(inverse)));
        f.set(x, p.from);
        f.set(gain, p.gain);
        f.set(to, p.to);
        eachVector(m, f, p.columns, [x, gain, to], (partial) => {
          const value = f32x4.mul(f32x4.mul(v128.load(x), scale), v128.load(gain));
          storeLanes(f, to, value, partial?.lanes);
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
        eachVector(m, f, p.half, cursors, (partial) => {
          const [a, b] = [f.let(v128.load(x1)), f.let(v128.load(x2))];
          const [c, s] = [f.let(v128.load(cos)), f.let(v128.load(sin))];
          storeLanes(f, to1, f32x4.sub(f32x4.mul(a, c), f32x4.mul(b, s)), partial?.lanes);
          storeLanes(f, to2, f32x4.add(f32x4.mul(b, c), f32x4.mul(a, s)), partial?.lanes);
        });
        f.advance(p.from, p.fromRow);
        f.advance(p.cos, p.cosRow);
        f.advance(p.sin, p.sinRow);
        f.advance(p.to, p.toRow);
      });
    },
  );
}

/** `entropyRows(from, fromRow, to, columns, rows)`: −Σ p·ln p with p = x / Σx. */
function defineRowEntropy(m: ModuleBuilder): void {
  m.define("entropyRows", { from: "i32", fromRow: "i32", to: "i32", columns: "i32", rows: "i32" }, (f, p) => {
    const [x, low, high] = [f.local("i32"), f.local("v128"), f.local("v128")];
    f.repeat(p.rows, () => {
      f.set(low, v128.zero);
      f.set(high, v128.zero);
      f.set(x, p.from);
      eachVector(m, f, p.columns, [x], (partial) => {
        addWide(f, low, high, partial ? v128.and(v128.load(x), partial.mask) : v128.load(x));
      });
      const sum = f.let(f32x4.splat(f32.demoteF64(total(low, high))));
      f.set(low, v128.zero);
      f.set(high, v128.zero);
      f.set(x, p.from);
      eachVector(m, f, p.columns, [x], (partial) => {
        const share = f.let(f32x4.div(v128.load(x), sum));
        // p = 0 counts nothing; NaN does.
        const term = v128.and(f32x4.mul(share, log(m, f, share)), f32x4.ne(share, v128.zero));
        addWide(f, low, high, partial ? v128.and(term, partial.mask) : term);
      });
      f.store(p.to, f32.neg(f32.demoteF64(total(low, high))));
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
