import { type Int, i32, i32x4, type Local, type V128 } from "../assembler/expressions.js";
import type { FunctionBuilder } from "../assembler/function-builder.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";

/**
 * Runs `body` for every vector of `count` consecutive f32 and advances the cursors. The last, partial one comes with a
 * mask of its lanes and the number of them.
 */
export function eachVector(
  m: ModuleBuilder,
  f: FunctionBuilder,
  count: Int,
  cursors: readonly Local<"i32">[],
  body: (partial?: { readonly mask: V128; readonly lanes: Local<"i32"> }) => void,
): void {
  const left = f.let(i32.add(count, 0));
  f.while(
    () => i32.geS(left, 4),
    () => {
      body();
      for (const cursor of cursors) f.advance(cursor, 16);
      f.advance(left, -4);
    },
  );
  f.if(i32.gtS(left, 0), () => {
    const mask = f.let(i32x4.gtS(i32x4.splat(left), m.words(0, 1, 2, 3)));
    body({ mask, lanes: left });
    for (const cursor of cursors) f.advance(cursor, i32.shl(left, 2));
  });
}

/** Stores the first `lanes` (1–3) lanes, or all four. */
export function storeLanes(
  f: FunctionBuilder,
  to: Local<"i32">,
  value: V128,
  lanes: Local<"i32"> | undefined,
): void {
  if (!lanes) {
    f.store(to, value);
    return;
  }
  const kept = f.let(value);
  f.storeLane(32, to, kept, 0);
  f.if(i32.gtS(lanes, 1), () => f.storeLane(32, to, kept, 1, 4));
  f.if(i32.gtS(lanes, 2), () => f.storeLane(32, to, kept, 2, 8));
}
