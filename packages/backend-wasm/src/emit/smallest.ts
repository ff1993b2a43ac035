import { type Int, i32, i32x4, threadArea, type V128, v128 } from "../assembler/expressions.js";
import type { FunctionBuilder } from "../assembler/function-builder.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";
import { layout } from "../engine/layout.js";
import { orderKey } from "./math.js";

/**
 * `smallest4_dtype(from, to, elements, count)`: marks the `count` smallest of every four consecutive elements, four
 * groups at a time. An element's rank is the number of others that come before it; the lower index wins a tie.
 */
function defineSmallest4(m: ModuleBuilder, dtype: "f32" | "i32"): void {
  m.define(`smallest4_${dtype}`, { from: "i32", to: "i32", elements: "i32", count: "i32" }, (f, p) => {
    const left = f.let(p.elements);
    const count = f.let(i32x4.splat(p.count));
    const marks = () => markGroups(m, f, dtype, p.from, count);
    f.while(
      () => i32.geS(left, 16),
      () => {
        f.store(p.to, marks());
        f.advance(p.from, 64);
        f.advance(p.to, 16);
        f.advance(left, -16);
      },
    );
    f.if(i32.gtS(left, 0), () => {
      f.store(threadArea, marks(), layout.scratch);
      f.memoryCopy(p.to, i32.add(threadArea, layout.scratch), left);
    });
  });
}

function markGroups(
  m: ModuleBuilder,
  f: FunctionBuilder,
  dtype: "f32" | "i32",
  from: Int,
  count: V128,
): V128 {
  const key = (value: V128) => (dtype === "f32" ? orderKey(m, f, value) : f.let(value));
  const groups = [0, 1, 2, 3].map((i) => key(v128.load(from, 16 * i)));
  // Transposed: vector i holds element i of each of the four groups.
  const [a, b, c, d] = groups as [V128, V128, V128, V128];
  const ab = [f.let(v128.shuffle32(a, b, [0, 4, 1, 5])), f.let(v128.shuffle32(a, b, [2, 6, 3, 7]))];
  const cd = [f.let(v128.shuffle32(c, d, [0, 4, 1, 5])), f.let(v128.shuffle32(c, d, [2, 6, 3, 7]))];
  const elements = [0, 1, 2, 3].map((i) =>
    f.let(v128.shuffle32(ab[i >> 1]!, cd[i >> 1]!, i % 2 === 0 ? [0, 1, 4, 5] : [2, 3, 6, 7])),
  );
  // Masks are −1, so ranks are counted downwards.
  const ranks = elements.map(() => f.let(v128.zero));
  for (let i = 0; i < 4; i++) {
    for (let j = i + 1; j < 4; j++) {
      const after = f.let(i32x4.gtS(elements[i]!, elements[j]!));
      f.set(ranks[i]!, i32x4.add(ranks[i]!, after));
      f.set(ranks[j]!, i32x4.add(ranks[j]!, v128.not(after)));
    }
  }
  const marked = ranks.map((rank, i) => {
    const mask = i32x4.gtS(i32x4.add(rank, count), v128.zero);
    return v128.and(mask, m.i32(2 ** (8 * i)));
  });
  return marked.reduce((all, mark) => v128.or(all, mark));
}

export function defineSmallest(m: ModuleBuilder): void {
  defineSmallest4(m, "f32");
  defineSmallest4(m, "i32");
}
