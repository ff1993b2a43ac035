import { type DType, formatShape, isFloat, type Shape } from "@denoise-rotator/core";
import { roundTo } from "./host-operand.js";
import type { Tolerance } from "./tolerances.js";

const formats = {
  f32: { unit: 2 ** -24, smallestNormal: 2 ** -126, largest: 3.4028234663852886e38 },
  f64: { unit: 2 ** -53, smallestNormal: 2 ** -1022, largest: Number.MAX_VALUE },
};

/** The rounding unit: half the distance from 1 to the next number. */
export const roundingUnit = (dtype: "f32" | "f64"): number => formats[dtype].unit;

/** One result beside the exact one. */
export interface Comparison {
  readonly actual: number;
  /** In f64, not rounded to `dtype`. */
  readonly expected: number;
  readonly dtype: DType;
  /**
   * What an error is relative to: the result; 1 or the larger of both where the tolerance is absolute; where it is scaled the
   * sum of the magnitudes of all terms if the case knows it, else the largest entry.
   */
  readonly size: number;
}

/** A tolerance that tells of every result that is held against it. */
export interface WatchedTolerance extends Tolerance {
  readonly onCompared?: (comparison: Comparison) => void;
}

/** Thrown where a backend's result is not the expected one. */
export class ConformanceError extends Error {
  override readonly name = "ConformanceError";
}

/**
 * Throws {@link ConformanceError} naming the first element of `actual` (stored as `dtype`) that is further from
 * `expected` (in f64) than `tolerance` allows. `scale` is the size `tolerance.scaled` refers to, for each element;
 * `sizes` what an error is relative to when it is told to `tolerance.onCompared`.
 */
export function expectClose(
  actual: Float64Array,
  expected: Float64Array,
  context: { readonly what: string; readonly dtype: DType; readonly shape: Shape },
  tolerance: WatchedTolerance,
  scale?: ArrayLike<number>,
  sizes?: ArrayLike<number>,
): void {
  if (tolerance.onCompared) tell(tolerance, actual, expected, context.dtype, sizes);
  for (let i = 0; i < expected.length; i++) {
    if (isClose(actual[i]!, expected[i]!, context.dtype, tolerance, scale?.[i] ?? 0)) continue;
    throw new ConformanceError(
      `${context.what}: element ${i} of ${context.dtype}${formatShape(context.shape)} is ${show(actual[i]!)}, ` +
        `expected ${show(roundTo(context.dtype, expected[i]!))}`,
    );
  }
}

function tell(
  { onCompared, absolute, ulps, scaled }: WatchedTolerance,
  actual: Float64Array,
  expected: Float64Array,
  dtype: DType,
  sizes: ArrayLike<number> | undefined,
): void {
  const largest = scaled === undefined || sizes ? 0 : largestFinite(expected);
  for (let i = 0; i < expected.length; i++) {
    const own = Math.abs(expected[i]!);
    const fixed = absolute === undefined ? own : ulps === undefined ? 1 : Math.max(1, own);
    const size =
      scaled === undefined ? fixed : Math.max(sizes?.[i] ?? largest, absolute === undefined ? 0 : 1);
    onCompared!({ actual: actual[i]!, expected: expected[i]!, dtype, size });
  }
}

/** The largest finite magnitude, 0 of none. */
export const largestFinite = (values: ArrayLike<number>): number => {
  let size = 0;
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i]!)) size = Math.max(size, Math.abs(values[i]!));
  }
  return size;
};

const show = (value: number): string => (Object.is(value, -0) ? "-0" : String(value));

/** Whether `actual`, stored as `dtype`, is what `tolerance` accepts for the exact result `expected`. */
export function isClose(
  actual: number,
  expected: number,
  dtype: DType,
  tolerance: Tolerance,
  scale: number,
): boolean {
  const rounded = roundTo(dtype, expected);
  if (Object.is(actual, rounded)) return true;
  if (Number.isNaN(actual) || Number.isNaN(rounded)) return false;
  if (actual === 0 && rounded === 0) return !tolerance.signedZero;
  if (!isFloat(dtype)) return false;
  const { unit, smallestNormal, largest } = formats[dtype];
  const { ulps = 0, absolute = 0, scaled = 0, flush = false } = tolerance;
  const slack =
    ulps * ulp(expected, dtype) + unit * (absolute + scaled * scale) + (flush ? smallestNormal : 0);
  if (Number.isFinite(actual) && Number.isFinite(rounded)) return Math.abs(actual - expected) <= slack;
  // At the brink of overflow rounding errors decide.
  const [finite, infinite] = Number.isFinite(actual) ? [actual, rounded] : [rounded, actual];
  return (
    slack > 0 &&
    Math.sign(finite) === Math.sign(infinite) &&
    Math.abs(finite) >= largest * (1 - 2 * (ulps + 1) * unit)
  );
}

function ulp(value: number, dtype: "f32" | "f64"): number {
  const { unit, smallestNormal, largest } = formats[dtype];
  const magnitude = Math.min(Math.max(Math.abs(value), smallestNormal), largest);
  return 2 ** Math.floor(Math.log2(magnitude)) * unit * 2;
}
