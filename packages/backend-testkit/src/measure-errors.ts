import { type Backend, isFloat } from "@denoise-rotator/core";
import type { Comparison } from "./compare.js";
import { type ConformanceOptions, conformanceCases } from "./conformance.js";
import { type Tolerance, type ToleranceName, tolerances } from "./tolerances.js";

/** What the errors of a kernel are relative to. */
export type RelativeTo =
  | "the result"
  | "1"
  | "the result or 1"
  | "the terms"
  | "the largest entry"
  | "the largest entry or 1"
  | "none";

export interface MeasuredError {
  /** Largest |actual − exact| of the f32 results, relative to `relativeTo`; ∞ where one was NaN or infinite and the other not. */
  readonly error: number;
  /** `the terms`: Σ|terms| of a sum. `none`: results are predicates or indices, and equal. */
  readonly relativeTo: RelativeTo;
  /** Results that were compared. */
  readonly comparisons: number;
}

export interface MeasuredErrors {
  /** By kernel, in the order of {@link tolerances}; kernels that the backend leaves to core's composition are missing. */
  readonly kernels: Readonly<Partial<Record<ToleranceName, MeasuredError>>>;
  /** Cases that the backend does not pass. */
  readonly failures: readonly { readonly name: string; readonly message: string }[];
}

/** The smallest normal f32: devices may flush what is smaller, which counts as no error. */
const smallestNormal = 2 ** -126;

/**
 * The largest error of every kernel against f64 over the cases of the suite, gradients aside. The same seed gives the same
 * cases, so that backends can stand side by side. A case that fails is listed, and measured as far as it got.
 */
export async function measureErrors(
  backend: Backend,
  options: Omit<ConformanceOptions, "onCompared"> = {},
): Promise<MeasuredErrors> {
  const met = new Map<ToleranceName, { error: number; comparisons: number }>();
  const failures: { name: string; message: string }[] = [];
  const onCompared = (kernel: ToleranceName, comparison: Comparison) => {
    // 64-bit results of backends that compute them are exact by another measure.
    if (comparison.dtype === "f64") return;
    const entry = met.get(kernel) ?? { error: 0, comparisons: 0 };
    met.set(kernel, {
      error: Math.max(entry.error, relativeError(comparison)),
      comparisons: entry.comparisons + 1,
    });
  };
  for (const one of conformanceCases({ seed: 1, ...options, onCompared })) {
    if (one.skip(backend) !== undefined) continue;
    try {
      await one.run(backend);
    } catch (error) {
      failures.push({ name: one.name, message: (error as Error).message });
    }
  }
  const rows: [ToleranceName, Tolerance][] = Object.entries({
    ...tolerances,
    ...options.tolerances,
  }) as [ToleranceName, Tolerance][];
  const kernels = rows.flatMap(([name, tolerance]) => {
    const entry = met.get(name);
    return entry ? [[name, { ...entry, relativeTo: relativeTo(name, tolerance) }] as const] : [];
  });
  return { kernels: Object.fromEntries(kernels), failures };
}

function relativeError({ actual, expected, dtype, size }: Comparison): number {
  if (Object.is(actual, expected)) return 0;
  if (!isFloat(dtype)) return Number.POSITIVE_INFINITY;
  if (Math.abs(expected) < smallestNormal && Math.abs(actual) <= smallestNormal) return 0;
  const difference = Math.abs(actual - expected);
  if (Number.isFinite(difference)) return difference / Math.max(size, smallestNormal);
  // Exact results beyond f32 round to infinity.
  return Object.is(actual, Math.fround(expected)) ? 0 : Number.POSITIVE_INFINITY;
}

const predicates: ReadonlySet<string> = new Set([
  ...["isFinite", "logicalNot", "logicalAnd", "logicalOr", "any", "all", "argsort", "smallest"],
  ...["equal", "notEqual", "less", "lessEqual", "greater", "greaterEqual"],
]);

const sums: ReadonlySet<string> = new Set(["sum", "scatterAdd", "matmul", "syrk", "sparse24Matmul"]);

function relativeTo(name: ToleranceName, { ulps, absolute, scaled }: Tolerance): RelativeTo {
  if (predicates.has(name)) return "none";
  if (sums.has(name)) return "the terms";
  if (name === "prunedEnergy") return "the result";
  if (scaled !== undefined) return absolute === undefined ? "the largest entry" : "the largest entry or 1";
  if (absolute === undefined) return "the result";
  return ulps === undefined ? "1" : "the result or 1";
}
