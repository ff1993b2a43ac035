import {
  f32,
  f32x4,
  f64x2,
  type Int,
  i16x8,
  i32,
  i32x4,
  type Local,
  type V128,
  v128,
} from "../assembler/expressions.js";
import type { FunctionBuilder } from "../assembler/function-builder.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";
import { orderKey } from "./math.js";
import { addWide } from "./reduce.js";
import { eachVector, storeLanes } from "./row-loops.js";
import { wideTotal } from "./wide-sums.js";

/*
 * out = M·y·h and energy = Σ M·y² in one pass over y, a matrix of consecutive rows `row` bytes apart, as is `out` (which may
 * be y). S = y²·h is rounded as two products are, so that masks are those of `smallest` on it, ties included.
 */

/** Sizes of groups along rows that have a kernel of their own. */
export const groupSizes = [4, 8, 16] as const;

/** Which elements a function keeps: those a mask of bytes marks, or the smallest of groups. */
type Selection = "masked" | "grouped";

const importance = (y: V128, h: V128): V128 => f32x4.mul(f32x4.mul(y, y), h);

/** Four bytes of 0 or 1 as lanes of zeros or ones. */
const loadMask = (address: Int): V128 =>
  i32x4.neg(i32x4.extendLowI16x8U(i16x8.extendLowI8x16U(v128.load32Zero(address))));

/**
 * The `count` smallest of a vector's four elements. An element's rank is the number of others that come before it; equal
 * keys are told apart by raising the later one's by 1.
 */
function smallestOfVector(m: ModuleBuilder, f: FunctionBuilder, S: V128, count: V128): V128 {
  const key = orderKey(m, f, S);
  // Lane i against lane i + shift (mod 4): where that has the lower index, a tie counts as "after".
  const after = [1, 2, 3].map((shift) => {
    const lanes = [0, 1, 2, 3].map((lane) => (lane + shift) % 4) as [number, number, number, number];
    const lower = lanes.map((other, lane) => (other < lane ? 1 : 0)) as [number, number, number, number];
    return i32x4.gtS(key, i32x4.sub(v128.shuffle32(key, key, lanes), m.words(...lower)));
  });
  const rank = after.reduce((a, b) => i32x4.add(a, b));
  return i32x4.gtS(i32x4.add(rank, count), v128.zero);
}

/**
 * `prunedColumns_…(y, h, mask, out, energy, row, columns, rows, count)`: inputs along the columns. `energy`: f64 for each
 * column, rounded up to four; `h` for each column; `mask` (bytes) only where masked. Four rows are added up in f32 before
 * they go onto the f64 sums.
 */
function definePrunedColumns(m: ModuleBuilder, selection: Selection): void {
  const parameters = {
    y: "i32",
    h: "i32",
    mask: "i32",
    out: "i32",
    energy: "i32",
    row: "i32",
    columns: "i32",
    rows: "i32",
    count: "i32",
  } as const;
  m.define(`prunedColumns_${selection}`, parameters, (f, p) => {
    const count = f.let(i32x4.splat(p.count));
    const cursor = f.let(p.energy);
    eachVector(m, f, p.columns, [cursor], () => {
      f.store(cursor, v128.zero);
      f.store(cursor, v128.zero, 16);
      f.advance(cursor, 16);
    });
    const rows = (atOnce: number) => {
      const [x, to, marks] = [p.y, p.out, p.mask].map((start) =>
        Array.from({ length: atOnce }, (_, r) => {
          const step = start === p.mask ? p.columns : p.row;
          return f.let(i32.add(start, i32.mul(step, r)));
        }),
      ) as [Local<"i32">[], Local<"i32">[], Local<"i32">[]];
      const [scale, energy] = [f.let(p.h), f.let(p.energy)];
      eachVector(m, f, p.columns, [...x, ...to, scale, energy], (partial) => {
        const h = f.let(v128.load(scale));
        const sum = f.let(v128.zero);
        for (let r = 0; r < atOnce; r++) {
          const y = f.let(v128.load(x[r]!));
          const mask =
            selection === "masked" ? loadMask(marks[r]!) : smallestOfVector(m, f, importance(y, h), count);
          const pruned = f.let(v128.and(y, mask));
          storeLanes(f, to[r]!, f32x4.mul(pruned, h), partial?.lanes);
          f.set(sum, f32x4.add(sum, f32x4.mul(pruned, y)));
          if (selection === "masked") f.advance(marks[r]!, 4);
        }
        const kept = f.let(partial ? v128.and(sum, partial.mask) : sum);
        const high = v128.shuffle32(kept, kept, [2, 3, 2, 3]);
        f.store(energy, f64x2.add(v128.load(energy), f64x2.promoteLowF32x4(kept)));
        f.store(energy, f64x2.add(v128.load(energy, 16), f64x2.promoteLowF32x4(high)), 16);
        f.advance(energy, 16);
      });
      f.advance(p.y, i32.mul(p.row, atOnce));
      f.advance(p.out, i32.mul(p.row, atOnce));
      f.advance(p.mask, i32.mul(p.columns, atOnce));
      f.advance(p.rows, -atOnce);
    };
    for (const atOnce of [4, 1]) {
      f.while(
        () => i32.geS(p.rows, atOnce),
        () => rows(atOnce),
      );
    }
  });
}

/** The `count` smallest of each lane's elements, the lower index first. */
function smallestOfLanes(m: ModuleBuilder, f: FunctionBuilder, S: readonly V128[], count: V128): V128[] {
  const keys = S.map((each) => orderKey(m, f, each));
  // Masks are −1, so ranks are counted downwards.
  const ranks = keys.map(() => f.let(v128.zero));
  for (let i = 0; i < keys.length; i++) {
    for (let j = i + 1; j < keys.length; j++) {
      const after = f.let(i32x4.gtS(keys[i]!, keys[j]!));
      f.set(ranks[i]!, i32x4.add(ranks[i]!, after));
      f.set(ranks[j]!, i32x4.add(ranks[j]!, v128.not(after)));
    }
  }
  return ranks.map((rank) => i32x4.gtS(i32x4.add(rank, count), v128.zero));
}

/**
 * `prunedRows_…(y, h, hStep, mask, out, energy, row, columns, groups, count)`: inputs along the rows, `size` rows a group.
 * `energy`: f32 for each row; `h`: one f32 for each row, `hStep` bytes apart.
 */
function definePrunedRows(m: ModuleBuilder, selection: Selection, size: number): void {
  const parameters = {
    y: "i32",
    h: "i32",
    hStep: "i32",
    mask: "i32",
    out: "i32",
    energy: "i32",
    row: "i32",
    columns: "i32",
    groups: "i32",
    count: "i32",
  } as const;
  const name = selection === "masked" ? "prunedRows_masked" : `prunedRows_${size}`;
  m.define(name, parameters, (f, p) => {
    const count = f.let(i32x4.splat(p.count));
    const members = Array.from({ length: size }, (_, i) => i);
    const offsets = members.map((i) => f.let(i32.mul(p.row, i)));
    const [x, to, mask] = [f.local("i32"), f.local("i32"), f.let(p.mask)];
    const h = f.locals("v128", size);
    const low = f.locals("v128", size);
    const high = f.locals("v128", size);
    f.repeat(p.groups, () => {
      f.set(x, p.y);
      f.set(to, p.out);
      for (const i of members) {
        f.set(h[i]!, f32x4.splat(f32.load(p.h)));
        f.advance(p.h, p.hStep);
        f.set(low[i]!, v128.zero);
        f.set(high[i]!, v128.zero);
      }
      eachVector(m, f, p.columns, [x, to], (partial) => {
        const y = members.map((i) => f.let(v128.load(i32.add(x, offsets[i]!))));
        const S = () => y.map((each, i) => importance(each, h[i]!));
        const masks = selection === "masked" ? [loadMask(mask)] : smallestOfLanes(m, f, S(), count);
        for (const i of members) {
          const pruned = f.let(v128.and(y[i]!, masks[i]!));
          const at = f.let(i32.add(to, offsets[i]!));
          storeLanes(f, at, f32x4.mul(pruned, h[i]!), partial?.lanes);
          const energy = f32x4.mul(pruned, y[i]!);
          addWide(f, low[i]!, high[i]!, partial ? v128.and(energy, partial.mask) : energy);
        }
        if (selection === "masked") f.advance(mask, 4);
      });
      for (const i of members) f.store(p.energy, f32.demoteF64(wideTotal(low[i]!, high[i]!)), 4 * i);
      f.advance(p.energy, 4 * size);
      f.advance(p.y, i32.mul(p.row, size));
      f.advance(p.out, i32.mul(p.row, size));
      f.advance(p.mask, p.columns);
      f.set(mask, p.mask);
    });
  });
}

export function definePrunedEnergy(m: ModuleBuilder): void {
  definePrunedColumns(m, "grouped");
  definePrunedColumns(m, "masked");
  definePrunedRows(m, "masked", 1);
  for (const size of groupSizes) definePrunedRows(m, "grouped", size);
}
