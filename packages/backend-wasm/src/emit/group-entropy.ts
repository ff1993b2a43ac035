import { f32, f32x4, f64, f64x2, i32, i32x4, type Local, type V128, v128 } from "../assembler/expressions.js";
import type { FunctionBuilder } from "../assembler/function-builder.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";
import { type Bundle, keep } from "./bundle.js";
import { addWide } from "./reduce.js";
import { eachVector, storeLanes } from "./row-loops.js";
import { log } from "./transcendental.js";
import { narrow, wideTotal } from "./wide-sums.js";

/*
 * Entropies of groups of S = y²·h and their slopes s = −(ln p + E)/ΣS: three passes over a group (total, entropy, slopes)
 * while it is in the cache. Logarithms are taken twice rather than stored. y and out are matrices of rows `row` bytes apart.
 */

const importance = (y: V128, h: V128): V128 => f32x4.mul(f32x4.mul(y, y), h);

/** 1/total, 0 where that is 0. */
const inverseOf = (m: ModuleBuilder, total: V128): V128 =>
  v128.andnot(f32x4.div(m.f32(1), total), f32x4.eq(total, v128.zero));

/** ln p of vectors side by side, p at least 1e-30. */
const logsOf = (m: ModuleBuilder, f: FunctionBuilder, probabilities: Bundle): Bundle =>
  log(
    m,
    f,
    keep(f, probabilities, (p) => f32x4.pmax(p, m.f32(1e-30))),
  );
const logOf = (m: ModuleBuilder, f: FunctionBuilder, p: V128): V128 => logsOf(m, f, [p])[0]!;

const parameters = {
  y: "i32",
  h: "i32",
  out: "i32",
  energy: "i32",
  entropies: "i32",
  row: "i32",
  columns: "i32",
  rows: "i32",
  accumulate: "i32",
} as const;

/**
 * `groupEntropyRows(y, h, out, energy, entropies, row, columns, rows, accumulate)`: a group a row. `h` and `energy` (f64, rounded
 * up to four) for each column, `entropies` f32 for each row; `accumulate` is 0 or −1.
 */
function defineEntropyRows(m: ModuleBuilder): void {
  m.define("groupEntropyRows", parameters, (f, p) => {
    const added = f.let(i32x4.splat(p.accumulate));
    const [x, scale, to, sums] = f.locals("i32", 4);
    const [low, high] = f.locals("v128", 2);
    const restart = () => {
      f.set(x, p.y);
      f.set(scale, p.h);
      f.set(low, v128.zero);
      f.set(high, v128.zero);
    };
    f.set(sums, p.energy);
    eachVector(m, f, p.columns, [sums], () => {
      f.store(sums, v128.zero);
      f.store(sums, v128.zero, 16);
      f.advance(sums, 16);
    });
    f.repeat(p.rows, () => {
      restart();
      eachVector(m, f, p.columns, [x, scale], (partial) => {
        const S = importance(v128.load(x), v128.load(scale));
        addWide(f, low, high, partial ? v128.and(S, partial.mask) : S);
      });
      const inverse = f.let(inverseOf(m, f.let(f32x4.splat(f32.demoteF64(wideTotal(low, high))))));
      const probability = () => f.let(f32x4.mul(importance(v128.load(x), v128.load(scale)), inverse));
      restart();
      eachVector(m, f, p.columns, [x, scale], (partial) => {
        const p = probability();
        const term = f32x4.mul(p, logOf(m, f, p));
        addWide(f, low, high, partial ? v128.and(term, partial.mask) : term);
      });
      const entropy = f.let(f32.neg(f32.demoteF64(wideTotal(low, high))));
      f.store(p.entropies, entropy);
      f.advance(p.entropies, 4);
      const E = f.let(f32x4.splat(entropy));
      restart();
      f.set(to, p.out);
      f.set(sums, p.energy);
      eachVector(m, f, p.columns, [x, scale, to, sums], (partial) => {
        const slope = f32x4.neg(f32x4.mul(f32x4.add(logOf(m, f, probability()), E), inverse));
        const y = f.let(v128.load(x));
        const slopeY = f.let(f32x4.mul(slope, y));
        const half = f32x4.mul(slopeY, v128.load(scale));
        storeLanes(f, to, f32x4.add(half, v128.and(v128.load(to), added)), partial?.lanes);
        const energy = f.let(f32x4.mul(slopeY, y));
        if (partial) f.set(energy, v128.and(energy, partial.mask));
        const upper = v128.shuffle32(energy, energy, [2, 3, 2, 3]);
        f.store(sums, f64x2.add(v128.load(sums), f64x2.promoteLowF32x4(energy)));
        f.store(sums, f64x2.add(v128.load(sums, 16), f64x2.promoteLowF32x4(upper)), 16);
        f.advance(sums, 16);
      });
      f.advance(p.y, p.row);
      f.advance(p.out, p.row);
    });
  });
}

/** Vectors side by side: a line of the cache. */
const stripVectors = 4;

/** One strip of `width` vectors, in all rows; the last vector may have fewer `lanes`. */
function strip(
  m: ModuleBuilder,
  f: FunctionBuilder,
  p: { readonly [K in keyof typeof parameters | "hStep"]: Local<"i32"> },
  added: V128,
  width: number,
  lanes?: Local<"i32">,
): void {
  const inside = lanes && f.let(i32x4.gtS(i32x4.splat(lanes), m.words(0, 1, 2, 3)));
  const vectors = Array.from({ length: width }, (_, i) => i);
  const [x, scale, to, sums] = f.locals("i32", 4);
  const [low, high] = [f.locals("v128", width), f.locals("v128", width)];
  const h = f.local("v128");
  const everyRow = (body: () => void) => {
    f.set(x, p.y);
    f.set(scale, p.h);
    f.repeat(p.rows, () => {
      f.set(h, f32x4.splat(f32.load(scale)));
      body();
      f.advance(x, p.row);
      f.advance(scale, p.hStep);
    });
  };
  const sumUp = (terms: () => readonly V128[]): V128[] => {
    for (const sum of [...low, ...high]) f.set(sum, v128.zero);
    everyRow(() => {
      for (const [i, term] of terms().entries()) addWide(f, low[i]!, high[i]!, term);
    });
    return vectors.map((i) => f.let(narrow(low[i]!, high[i]!)));
  };
  const S = (i: number) => importance(v128.load(x, 16 * i), h);
  const inverse = sumUp(() => vectors.map(S)).map((total) => f.let(inverseOf(m, total)));
  const probabilities = () => vectors.map((i) => f.let(f32x4.mul(S(i), inverse[i]!)));
  const E = sumUp(() => {
    const all = probabilities();
    const logs = logsOf(m, f, all);
    return all.map((p, i) => f32x4.mul(p, logs[i]!));
  }).map((sum) => f.let(f32x4.neg(sum)));
  for (const i of vectors) f.store(p.entropies, E[i]!, 16 * i);
  f.set(to, p.out);
  f.set(sums, p.energy);
  const [rowLow, rowHigh, at] = [f.local("v128"), f.local("v128"), f.local("i32")];
  everyRow(() => {
    f.set(rowLow, v128.zero);
    f.set(rowHigh, v128.zero);
    const logs = logsOf(m, f, probabilities());
    for (const i of vectors) {
      const slope = f32x4.neg(f32x4.mul(f32x4.add(logs[i]!, E[i]!), inverse[i]!));
      const y = f.let(v128.load(x, 16 * i));
      const slopeY = f.let(f32x4.mul(slope, y));
      const half = f.let(f32x4.add(f32x4.mul(slopeY, h), v128.and(v128.load(to, 16 * i), added)));
      f.set(at, i32.add(to, 16 * i));
      if (!lanes) f.store(at, half);
      else
        f.if(
          i32.eq(lanes, 4),
          () => f.store(at, half),
          () => storeLanes(f, at, half, lanes),
        );
      const energy = f32x4.mul(slopeY, y);
      addWide(f, rowLow, rowHigh, inside ? v128.and(energy, inside) : energy);
    }
    f.store(sums, f64.add(f64.load(sums), wideTotal(rowLow, rowHigh)));
    f.advance(sums, 8);
    f.advance(to, p.row);
  });
}

/**
 * `groupEntropyColumns(y, h, out, energy, entropies, row, columns, rows, accumulate, hStep)`: a group a column. `h` f32 for each
 * row, `hStep` bytes apart, `energy` f64 for each row; `entropies` f32 for each column, rounded up to four.
 */
function defineEntropyColumns(m: ModuleBuilder): void {
  m.define("groupEntropyColumns", { ...parameters, hStep: "i32" }, (f, p) => {
    const added = f.let(i32x4.splat(p.accumulate));
    const sums = f.let(p.energy);
    f.repeat(p.rows, () => {
      f.store(sums, f64.const(0));
      f.advance(sums, 8);
    });
    const advance = (lanes: number) => {
      for (const cursor of [p.y, p.out, p.entropies]) f.advance(cursor, 4 * lanes);
      f.advance(p.columns, -lanes);
    };
    f.while(
      () => i32.geS(p.columns, 4 * stripVectors),
      () => {
        strip(m, f, p, added, stripVectors);
        advance(4 * stripVectors);
      },
    );
    const lanes = f.local("i32");
    f.while(
      () => i32.gtS(p.columns, 0),
      () => {
        f.setInt(lanes, i32.min(p.columns, 4));
        strip(m, f, p, added, 1, lanes);
        advance(4);
      },
    );
  });
}

export function defineGroupEntropy(m: ModuleBuilder): void {
  defineEntropyRows(m);
  defineEntropyColumns(m);
}
