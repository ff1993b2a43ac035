import { f32, f32x4, f64, i32, select, type V128, v128 } from "../assembler/expressions.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";
import { type Bundle, keep } from "./bundle.js";
import { expShifted, rowMaximum, WideSum } from "./fused.js";
import { eachBundle } from "./row-loops.js";

/** Weights below this part of a row's largest add nothing in f32; without a cut their products would be denormal and slow. */
const leastWeight = Math.exp(-64);

/** Bytes of state per row: the largest score so far (f32), 4 bytes unused, the sum of weights relative to it (f64). */
export const attentionStateBytes = 16;

/**
 * One step of softmax over blocks of columns (Milakov & Gimelshein 2018; Dao et al. 2022).
 * `attendRows(scores, scoresRow, state, out, outRow, width, columns, rows, visible, visibleStep)`: row r sees its first
 * `visible + r·visibleStep` scores of this block. Its scores become weights relative to the largest score so far, 0 where
 * not visible; its sum and its `width` elements of `out` are rescaled to that largest score.
 */
function defineAttendRows(m: ModuleBuilder): void {
  m.define(
    "attendRows",
    {
      scores: "i32",
      scoresRow: "i32",
      state: "i32",
      out: "i32",
      outRow: "i32",
      width: "i32",
      columns: "i32",
      rows: "i32",
      visible: "i32",
      visibleStep: "i32",
    },
    (f, p) => {
      const [x, to, count] = f.locals("i32", 3);
      const sum = new WideSum(f);
      const least = f.let(m.f32(leastWeight));
      const weigh = (scores: Bundle, largest: V128) =>
        expShifted(m, f, scores, largest).map((weight) => v128.andnot(weight, f32x4.lt(weight, least)));
      const unseen = f.let(f32x4.splat(f32.const(Number.NEGATIVE_INFINITY)));
      f.repeat(p.rows, () => {
        f.set(count, i32.min(p.visible, p.columns));
        f.set(count, select(count, i32.sub(count, count), i32.gtS(count, 0)));
        const before = f.let(v128.load32Splat(p.state));
        const largest = f.let(f32x4.pmax(before, rowMaximum(m, f, p.scores, count)));
        f.storeLane(32, p.state, largest, 0);
        // Where everything so far is −∞, weights are 0 relative to any finite number.
        const shift = f.let(v128.andnot(largest, f32x4.eq(largest, unseen)));
        sum.clear(f);
        f.set(x, p.scores);
        eachBundle(m, f, count, [x], ({ load, store, mask }) => {
          const weights = keep(f, weigh(load(x), shift), (weight) => weight);
          store(x, weights);
          sum.add(f, weights.map(mask));
        });
        eachBundle(m, f, i32.sub(p.columns, count), [x], ({ load, store }) => {
          store(
            x,
            load(x).map(() => v128.zero),
          );
        });
        f.if(v128.anyTrue(f32x4.ne(before, largest)), () => {
          const factor = f.let(weigh([before], shift)[0]!);
          const scale = f64.promoteF32(f32x4.extract(factor, 0));
          f.store(p.state, f64.mul(f64.load(p.state, 8), scale), 8);
          f.set(to, p.out);
          eachBundle(m, f, p.width, [to], ({ load, store }) => {
            store(
              to,
              load(to).map((value) => f32x4.mul(value, factor)),
            );
          });
        });
        f.store(p.state, f64.add(f64.load(p.state, 8), sum.total), 8);
        f.advance(p.visible, p.visibleStep);
        f.advance(p.scores, p.scoresRow);
        f.advance(p.state, attentionStateBytes);
        f.advance(p.out, p.outRow);
      });
    },
  );
}

/** `startAttention(state, out, outRow, width, rows)`: nothing seen yet. */
function defineStart(m: ModuleBuilder): void {
  m.define(
    "startAttention",
    { state: "i32", out: "i32", outRow: "i32", width: "i32", rows: "i32" },
    (f, p) => {
      const to = f.local("i32");
      f.repeat(p.rows, () => {
        f.store(p.state, f32.const(Number.NEGATIVE_INFINITY));
        f.store(p.state, f64.const(0), 8);
        f.set(to, p.out);
        eachBundle(m, f, p.width, [to], ({ load, store }) => {
          store(
            to,
            load(to).map(() => v128.zero),
          );
        });
        f.advance(p.state, attentionStateBytes);
        f.advance(p.out, p.outRow);
      });
    },
  );
}

/** `finishAttention(state, out, outRow, width, rows)`: divides by the sums of weights; a row that saw nothing is NaN. */
function defineFinish(m: ModuleBuilder): void {
  m.define(
    "finishAttention",
    { state: "i32", out: "i32", outRow: "i32", width: "i32", rows: "i32" },
    (f, p) => {
      const to = f.local("i32");
      f.repeat(p.rows, () => {
        const inverse = f64.div(f64.const(1), f64.load(p.state, 8));
        const scale = f.let(f32x4.splat(f32.demoteF64(inverse)));
        f.set(to, p.out);
        eachBundle(m, f, p.width, [to], ({ load, store }) => {
          store(
            to,
            load(to).map((value) => f32x4.mul(value, scale)),
          );
        });
        f.advance(p.state, attentionStateBytes);
        f.advance(p.out, p.outRow);
      });
    },
  );
}

/** Attention in blocks of keys; scores and products come from `gemmBlock`. */
export function defineAttention(m: ModuleBuilder): void {
  defineStart(m);
  defineAttendRows(m);
  defineFinish(m);
}
