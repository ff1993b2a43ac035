import { type Int, i32, i32x4, type Local, type V128, v128 } from "../assembler/expressions.js";
import type { FunctionBuilder } from "../assembler/function-builder.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";
import type { Bundle } from "./bundle.js";

/** The last vector of a row: which of its lanes count. */
export interface Partial {
  readonly mask: V128;
  readonly lanes: Local<"i32">;
}

/** Vectors of a row that are worked on side by side. */
const bundleWidth = 4;

/**
 * Runs `body` for every four vectors of `count` consecutive f32, then for the single ones left, and advances the cursors.
 * `load(cursor)` is the bundle at a cursor, `store` its counterpart; both see to the lanes of the last, partial vector, which
 * are `padding` where they do not count.
 */
export function eachBundle(
  m: ModuleBuilder,
  f: FunctionBuilder,
  count: Int,
  cursors: readonly Local<"i32">[],
  body: (row: {
    readonly load: (cursor: Local<"i32">, padding?: V128) => Bundle;
    readonly store: (cursor: Local<"i32">, values: Bundle) => void;
    readonly mask: (value: V128) => V128;
  }) => void,
): void {
  const left = f.let(i32.add(count, 0));
  const whole = (width: number) =>
    f.while(
      () => i32.geS(left, 4 * width),
      () => {
        body({
          load: (cursor) => Array.from({ length: width }, (_, i) => v128.load(cursor, 16 * i)),
          store: (cursor, values) => {
            for (const [i, value] of values.entries()) f.store(cursor, value, 16 * i);
          },
          mask: (value) => value,
        });
        for (const cursor of cursors) f.advance(cursor, 16 * width);
        f.advance(left, -4 * width);
      },
    );
  whole(bundleWidth);
  whole(1);
  f.if(i32.gtS(left, 0), () => {
    const mask = f.let(i32x4.gtS(i32x4.splat(left), m.words(0, 1, 2, 3)));
    body({
      load: (cursor, padding) => {
        const value = v128.load(cursor);
        return [padding ? v128.bitselect(value, padding, mask) : value];
      },
      store: (cursor, [value]) => storeLanes(f, cursor, value!, left),
      mask: (value) => v128.and(value, mask),
    });
    for (const cursor of cursors) f.advance(cursor, i32.shl(left, 2));
  });
}

/**
 * Runs `body` for every vector of `count` consecutive f32 and advances the cursors. The last, partial one comes with a
 * mask of its lanes and the number of them.
 */
export function eachVector(
  m: ModuleBuilder,
  f: FunctionBuilder,
  count: Int,
  cursors: readonly Local<"i32">[],
  body: (partial?: Partial) => void,
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
