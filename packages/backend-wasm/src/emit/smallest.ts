import {
  type Int,
  i32,
  i32x4,
  int,
  type Local,
  threadArea,
  type V128,
  v128,
} from "../assembler/expressions.js";
import type { FunctionBuilder } from "../assembler/function-builder.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";
import { layout } from "../engine/layout.js";
import { fold } from "./bundle.js";
import { orderKey } from "./math.js";
import { defineSmallestRows } from "./smallest-rows.js";

/** Groups with a kernel of their own, all in registers. */
export const unrolledGroups: readonly number[] = [4, 8, 16];

/**
 * `smallest{size}_dtype(from, to, groups, count)`: marks the `count` smallest of every `size` consecutive elements, four
 * groups at a time. An element's rank is the number of others that come before it; the lower index wins a tie.
 */
function defineUnrolled(m: ModuleBuilder, dtype: "f32" | "i32", size: number): void {
  const parameters = { from: "i32", to: "i32", groups: "i32", count: "i32" } as const;
  m.define(`smallest${size}_${dtype}`, parameters, (f, p) => {
    const count = f.let(i32x4.splat(p.count));
    f.while(
      () => i32.geS(p.groups, 4),
      () => {
        for (const [i, marks] of markGroups(m, f, dtype, p.from, count, size).entries()) {
          f.store(p.to, marks, 16 * i);
        }
        f.advance(p.from, 16 * size);
        f.advance(p.to, 4 * size);
        f.advance(p.groups, -4);
      },
    );
    m.call(f, `smallestGroups_${dtype}`, p.from, p.to, int(size), p.groups, p.count);
  });
}

/** Marks of four groups of `size` elements, as bytes in their order. */
function markGroups(
  m: ModuleBuilder,
  f: FunctionBuilder,
  dtype: "f32" | "i32",
  from: Int,
  count: V128,
  size: number,
): readonly V128[] {
  const key = (value: V128) => (dtype === "f32" ? orderKey(m, f, value) : f.let(value));
  const quarters = Array.from({ length: size / 4 }, (_, i) => i);
  // Vector i holds element i of each of the four groups.
  const elements = quarters.flatMap((quarter) =>
    transposed(
      f,
      [0, 1, 2, 3].map((group) => key(v128.load(from, 4 * size * group + 16 * quarter))),
    ),
  );
  // Masks are −1, so ranks are counted downwards, from that of an element which no later one comes before.
  const ranks = elements.map((_, i) => f.let(m.i32(-i)));
  for (let i = 0; i < size; i++) {
    for (let j = i + 1; j < size; j++) {
      const after = f.let(i32x4.gtS(elements[i]!, elements[j]!));
      f.set(ranks[i]!, i32x4.add(ranks[i]!, after));
      f.set(ranks[j]!, i32x4.sub(ranks[j]!, after));
    }
  }
  // Four bytes of each group to a vector.
  const marks = quarters.map((quarter) => {
    const bytes = [0, 1, 2, 3].map((i) => {
      const mask = i32x4.gtS(i32x4.add(ranks[4 * quarter + i]!, count), v128.zero);
      return v128.and(mask, m.i32(2 ** (8 * i)));
    });
    return f.let(fold(bytes, v128.or));
  });
  if (size === 16) return transposed(f, marks);
  const [a, b] = marks;
  return a && b ? [v128.shuffle32(a, b, [0, 4, 1, 5]), v128.shuffle32(a, b, [2, 6, 3, 7])] : marks;
}

/** Vector i of the result holds lane i of each of the four vectors. */
function transposed(f: FunctionBuilder, vectors: readonly V128[]): readonly V128[] {
  const [a, b, c, d] = vectors as [V128, V128, V128, V128];
  const ab = [f.let(v128.shuffle32(a, b, [0, 4, 1, 5])), f.let(v128.shuffle32(a, b, [2, 6, 3, 7]))];
  const cd = [f.let(v128.shuffle32(c, d, [0, 4, 1, 5])), f.let(v128.shuffle32(c, d, [2, 6, 3, 7]))];
  return [0, 1, 2, 3].map((i) =>
    f.let(v128.shuffle32(ab[i >> 1]!, cd[i >> 1]!, i % 2 === 0 ? [0, 1, 4, 5] : [2, 3, 6, 7])),
  );
}

/** Largest group whose elements are ranked by comparing all pairs. */
export const pairwiseLimit = 32;

/**
 * `smallestGroups_dtype(from, to, group, groups, count)`: groups of 2 to {@link pairwiseLimit} elements, four at a time,
 * one in each lane. Keys are kept in the thread's scratch area.
 */
function defineSmallestGroups(m: ModuleBuilder, dtype: "f32" | "i32"): void {
  const parameters = { from: "i32", to: "i32", group: "i32", groups: "i32", count: "i32" } as const;
  m.define(`smallestGroups_${dtype}`, parameters, (f, p) => {
    const keys = f.let(i32.add(threadArea, layout.scratch));
    const end = f.let(i32.add(keys, i32.shl(p.group, 4)));
    const count = f.let(i32x4.splat(p.count));
    const groupBytes = f.let(i32.shl(p.group, 2));
    const [at, other, lanes] = f.locals("i32", 3);
    const value = f.let(v128.zero);
    // The groups behind the last one are read as copies of it and not written.
    const eachLane = (step: Int, body: (lane: number, offset: Local<"i32">) => void) => {
      const offset = f.let(int(0));
      for (let lane = 0; lane < 4; lane++) {
        body(lane, offset);
        f.if(i32.gtS(lanes, lane + 1), () => f.advance(offset, step));
      }
    };
    f.while(
      () => i32.gtS(p.groups, 0),
      () => {
        f.set(lanes, i32.min(p.groups, 4));
        const sources = f.locals("i32", 4);
        eachLane(groupBytes, (lane, offset) => f.set(sources[lane]!, i32.add(p.from, offset)));
        f.set(at, keys);
        f.doWhile(
          () => {
            sources.forEach((source, lane) => {
              f.set(value, v128.load32Lane(source, value, lane));
              f.advance(source, 4);
            });
            f.store(at, dtype === "f32" ? orderKey(m, f, value) : value);
            f.advance(at, 16);
          },
          () => i32.ltS(at, end),
        );
        const targets = f.locals("i32", 4);
        eachLane(p.group, (lane, offset) => f.set(targets[lane]!, i32.add(p.to, offset)));
        f.set(at, keys);
        f.doWhile(
          () => {
            const own = f.let(v128.load(at));
            // Masks are −1, so ranks are counted downwards.
            const rank = f.let(v128.zero);
            f.set(other, keys);
            f.while(
              () => i32.ltS(other, at),
              () => {
                f.set(rank, i32x4.add(rank, i32x4.leS(v128.load(other), own)));
                f.advance(other, 16);
              },
            );
            f.advance(other, 16);
            f.while(
              () => i32.ltS(other, end),
              () => {
                f.set(rank, i32x4.add(rank, i32x4.ltS(v128.load(other), own)));
                f.advance(other, 16);
              },
            );
            const marked = f.let(v128.and(i32x4.gtS(i32x4.add(rank, count), v128.zero), i32x4.splat(int(1))));
            targets.forEach((target, lane) => {
              f.storeLane(8, target, marked, 4 * lane);
              f.advance(target, 1);
            });
            f.advance(at, 16);
          },
          () => i32.ltS(at, end),
        );
        f.advance(p.from, i32.shl(groupBytes, 2));
        f.advance(p.to, groupBytes);
        f.advance(p.groups, -4);
      },
    );
  });
}

export function defineSmallest(m: ModuleBuilder): void {
  for (const dtype of ["f32", "i32"] as const) {
    defineSmallestGroups(m, dtype);
    for (const size of unrolledGroups) defineUnrolled(m, dtype, size);
    defineSmallestRows(m, dtype);
  }
}
