import {
  f32,
  f32x4,
  f64,
  type I32,
  i32,
  int,
  type Local,
  select,
  threadArea,
  type V128,
  v128,
} from "../assembler/expressions.js";
import type { FunctionBuilder } from "../assembler/function-builder.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";
import type { GemmTile } from "../engine/features.js";
import { layout } from "../engine/layout.js";
import { type Bundle, keep } from "./bundle.js";
import { expShifted, rowMaximum, WideSum } from "./fused.js";
import { wholeName } from "./gemm-tasks.js";
import { eachBundle } from "./row-loops.js";

/** Weights below this part of a row's largest add nothing in f32; without a cut their products would be denormal and slow. */
const leastWeight = Math.exp(-64);

/** Bytes of state per row: the largest score so far (f32), 4 bytes unused, the sum of weights relative to it (f64). */
const attentionStateBytes = 16;

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

/** Queries of a tile and keys of a block: the scores between them are all that is kept. Multiples of every GEMM tile. */
export const attentionTile = { queries: 120, keys: 320 } as const;
const scoresBytes = 4 * attentionTile.queries * attentionTile.keys;

/**
 * `attendTile(q, qRow, k, kRow, v, vRow, out, outRow, rows, keys, width, valueWidth, firstVisible, causal, scale)`: the
 * attention of at most `attentionTile.queries` queries to `keys` keys, block by block. Row r sees its first
 * `firstVisible + causal·r` keys; blocks no row sees are left out.
 */
function defineTile(m: ModuleBuilder, tile: GemmTile): void {
  m.define(
    "attendTile",
    {
      q: "i32",
      qRow: "i32",
      k: "i32",
      kRow: "i32",
      v: "i32",
      vRow: "i32",
      out: "i32",
      outRow: "i32",
      rows: "i32",
      keys: "i32",
      width: "i32",
      valueWidth: "i32",
      firstVisible: "i32",
      causal: "i32",
      scale: "f32",
    },
    (f, p) => {
      const scores = f.let(i32.add(threadArea, layout.rowWork));
      const state = f.let(i32.add(scores, scoresBytes));
      const last = i32.add(p.firstVisible, i32.mul(p.causal, i32.sub(p.rows, 1)));
      const left = f.let(i32.min(p.keys, last));
      const [columns, scoresRow] = f.locals("i32", 2);
      const one = f32.const(1);
      m.call(f, "startAttention", state, p.out, p.outRow, p.valueWidth, p.rows);
      f.while(
        () => i32.gtS(left, 0),
        () => {
          f.set(columns, i32.min(left, attentionTile.keys));
          f.set(scoresRow, i32.shl(columns, 2));
          inStretches(f, p.width, tile.depth, (first, steps) => {
            m.call(
              f,
              wholeName(false, true),
              ...[i32.add(p.q, first), p.qRow, i32.add(p.k, first), p.kRow, scores, scoresRow],
              ...[p.rows, columns, steps, paddedSteps(tile, steps), p.scale, first],
            );
          });
          const seen = [p.valueWidth, columns, p.rows, p.firstVisible, p.causal];
          m.call(f, "attendRows", scores, scoresRow, state, p.out, p.outRow, ...seen);
          inStretches(f, p.valueWidth, tile.depth, (first, size) => {
            m.call(
              f,
              wholeName(false, false),
              ...[scores, scoresRow, i32.add(p.v, first), p.vRow, i32.add(p.out, first), p.outRow],
              ...[p.rows, size, columns, paddedSteps(tile, columns), one, int(1)],
            );
          });
          f.advance(p.k, i32.mul(p.kRow, columns));
          f.advance(p.v, i32.mul(p.vRow, columns));
          f.set(p.firstVisible, i32.sub(p.firstVisible, columns));
          f.set(left, i32.sub(left, columns));
        },
      );
      m.call(f, "finishAttention", state, p.out, p.outRow, p.valueWidth, p.rows);
    },
  );
}

/** Runs `body` for stretches of at most `size` of `total` f32; `first` counts bytes. */
function inStretches(
  f: FunctionBuilder,
  total: Local<"i32">,
  size: number,
  body: (first: Local<"i32">, size: Local<"i32">) => void,
): void {
  const first = f.let(int(0));
  const left = f.let(total);
  const stretch = f.local("i32");
  f.while(
    () => i32.gtS(left, 0),
    () => {
      f.set(stretch, i32.min(left, size));
      body(first, stretch);
      f.advance(first, i32.shl(stretch, 2));
      f.set(left, i32.sub(left, stretch));
    },
  );
}

/** Rounded up to the unrolling, a power of two. */
const paddedSteps = (tile: GemmTile, steps: Local<"i32">): I32 =>
  i32.and(i32.add(steps, tile.unroll - 1), -tile.unroll);

/** Attention in blocks of keys. */
export function defineAttention(m: ModuleBuilder, tile: GemmTile): void {
  defineStart(m);
  defineAttendRows(m);
  defineFinish(m);
  defineTile(m, tile);
}
