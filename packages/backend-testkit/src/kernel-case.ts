import { type Backend, type DType, type FloatDType, isFloat, type Kernels } from "@denoise-rotator/core";
import fc from "fast-check";
import { expectClose, type WatchedTolerance } from "./compare.js";
import { execute, expectedResults, type KernelCall } from "./execute.js";
import { leakCheck } from "./leak-check.js";
import type { ToleranceName } from "./tolerances.js";

/** One property of a backend; `run` rejects with what is wrong, with fast-check's seed and smallest counterexample. */
export interface ConformanceCase {
  readonly name: string;
  /** Why the case does not apply to a backend; `undefined` if it does. */
  skip(backend: Backend): string | undefined;
  run(backend: Backend): Promise<void>;
}

export interface Settings {
  readonly runs: number;
  readonly subnormals: boolean;
  readonly seed: number | undefined;
  readonly tolerances: Readonly<Record<ToleranceName, WatchedTolerance>>;
}

/** The case that `check` holds for everything `arbitrary` makes; it also fails if a run leaves memory allocated. */
export function propertyCase<T>(
  name: string,
  kernel: keyof Kernels | undefined,
  settings: Settings,
  arbitrary: (backend: Backend) => fc.Arbitrary<T>,
  check: (backend: Backend, sample: T) => Promise<void>,
): ConformanceCase {
  const { runs, seed } = settings;
  return {
    name,
    skip: (backend) =>
      kernel && !backend.kernels[kernel]
        ? `${backend.name} leaves ${kernel} to core's composition`
        : undefined,
    run: (backend) =>
      leakCheck(backend, () =>
        fc.assert(
          fc.asyncProperty(arbitrary(backend), (sample) => check(backend, sample)),
          { numRuns: runs, ...(seed === undefined ? {} : { seed }) },
        ),
      ),
  };
}

/** The floats `backend` computes in. */
export const floatsOf = (backend: Backend): FloatDType[] => backend.capabilities.dtypes.filter(isFloat);

/** The dtypes `backend` computes in. */
export const computedBy = (backend: Backend): DType[] => [...floatsOf(backend), "i32", "bool"];

export interface Agreement {
  readonly what: string;
  readonly tolerance: WatchedTolerance;
  /** Sizes for `tolerance.scaled`, for each output's elements. */
  readonly scales?: readonly ArrayLike<number>[];
  /** What errors are relative to where they are told, for each output's elements. */
  readonly sizes?: readonly ArrayLike<number>[];
  /** Whether the reference stores floats as f64. Default true. */
  readonly widen?: boolean;
}

/** Throws unless the call gives on `backend` what it gives on the cpu backend in f64. */
export async function expectAgreement(backend: Backend, call: KernelCall, options: Agreement): Promise<void> {
  const actual = await execute(backend, call);
  const expected = await expectedResults(call, { widen: options.widen ?? true });
  for (const [i, { dtype, layout }] of call.outs.entries()) {
    const context = { what: options.what, dtype, shape: layout.shape };
    expectClose(
      actual[i]!,
      expected[i]!,
      context,
      options.tolerance,
      options.scales?.[i],
      options.sizes?.[i],
    );
  }
}
