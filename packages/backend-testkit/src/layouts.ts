import { type Shape, sizeOf } from "@denoise-rotator/core";
import fc from "fast-check";
import type { Layout } from "./host-operand.js";

export interface LayoutOptions {
  /** `any`: permuted, stepped, padded axes. `rows`: unit stride along the last axis. `dense`: contiguous, at any offset. */
  readonly strides?: "any" | "rows" | "dense";
  /** Whether axes may have stride 0. Default false. */
  readonly broadcast?: boolean;
}

/** Layouts of `shape`, simplest first: contiguous at offset 0. */
export function layouts(shape: Shape, options: LayoutOptions = {}): fc.Arbitrary<Layout> {
  const { strides = "any", broadcast = false } = options;
  const rank = shape.length;
  const axes = shape.map((_, axis) => axis);
  const movable = strides === "rows" ? axes.slice(0, -1) : axes;
  const perAxis = <T>(arbitrary: fc.Arbitrary<T>) =>
    fc.array(arbitrary, { minLength: rank, maxLength: rank });
  const free = strides !== "dense";
  const seldom = (likely: number, ...others: number[]) =>
    fc.oneof(
      { weight: 5, arbitrary: fc.constant(likely) },
      { weight: 1, arbitrary: fc.constantFrom(...others) },
    );
  return fc
    .record({
      order: free
        ? fc.oneof(fc.constant(movable), fc.shuffledSubarray(movable, { minLength: movable.length }))
        : fc.constant(movable),
      steps: free ? perAxis(seldom(1, 2, 3)) : fc.constant(axes.map(() => 1)),
      gaps: free ? perAxis(seldom(0, 1, 5)) : fc.constant(axes.map(() => 0)),
      spread: broadcast ? perAxis(seldom(0, 1)) : fc.constant(axes.map(() => 0)),
      offset: fc.oneof(fc.constant(0), fc.nat({ max: 9 })),
      tail: fc.nat({ max: 3 }),
    })
    .map(({ order, steps, gaps, spread, offset, tail }) => {
      const result = new Array<number>(rank).fill(0);
      const innermostFirst = [...(strides === "rows" && rank > 0 ? [rank - 1] : []), ...order.toReversed()];
      let extent = 1;
      for (const axis of innermostFirst) {
        if (spread[axis]) continue;
        const step = strides === "rows" && axis === rank - 1 ? 1 : steps[axis]!;
        result[axis] = extent * step;
        extent = extent * step * shape[axis]! + gaps[axis]!;
      }
      return { shape, strides: result, offset, length: offset + (sizeOf(shape) === 0 ? 0 : extent) + tail };
    });
}

/** Sizes of an axis: often small, sometimes 0 or 1, around the widths of vector units. */
export const dims = (max = 9): fc.Arbitrary<number> =>
  fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 2, max }) },
    { weight: 2, arbitrary: fc.constant(1) },
    { weight: 1, arbitrary: fc.constantFrom(0, 4, 8, 16, 17) },
  );

export interface ShapeOptions {
  readonly minRank?: number;
  readonly maxRank?: number;
  /** Most elements. Default 600. */
  readonly maxSize?: number;
}

/** Shapes with empty and size-1 axes, and now and then a long last axis. */
export function shapes({
  minRank = 0,
  maxRank = 4,
  maxSize = 600,
}: ShapeOptions = {}): fc.Arbitrary<number[]> {
  const small = fc.array(dims(), { minLength: minRank, maxLength: maxRank });
  const long = fc
    .tuple(
      fc.array(dims(3), { minLength: Math.max(0, minRank - 1), maxLength: maxRank - 1 }),
      fc.integer({ min: 17, max: 300 }),
    )
    .map(([leading, last]) => [...leading, last]);
  return fc.oneof({ weight: 5, arbitrary: small }, { weight: 1, arbitrary: long }).map((shape) => {
    const fitted = [...shape];
    while (sizeOf(fitted) > maxSize) {
      const largest = fitted.indexOf(Math.max(...fitted));
      fitted[largest] = Math.ceil(fitted[largest]! / 2);
    }
    return fitted;
  });
}

/** Seeds of the values of an operand: shrinking simplifies shapes and layouts, values follow from the seed. */
export const seeds: fc.Arbitrary<number> = /* @__PURE__ */ fc.nat({ max: 2 ** 31 - 1 });
