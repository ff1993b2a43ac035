import { bufferCases } from "./cases/buffers.js";
import { elementwiseCases } from "./cases/elementwise.js";
import { fusedCases } from "./cases/fused.js";
import { importanceCases } from "./cases/importance.js";
import { indexingCases } from "./cases/indexing.js";
import { matmulCases } from "./cases/matmul.js";
import { panelCases } from "./cases/panels.js";
import { reduceCases } from "./cases/reduce.js";
import { symmetricCases } from "./cases/symmetric.js";
import type { ConformanceCase } from "./kernel-case.js";
import { type Tolerances, tolerances } from "./tolerances.js";

export interface ConformanceOptions {
  /** Samples per case (a few cases take a multiple). Default 100. */
  readonly runs?: number;
  /** Seed of all samples. Default: fast-check's, which it prints when a case fails. */
  readonly seed?: number;
  /** Whether operands hold subnormal numbers; false for devices that flush them to zero. Default true. */
  readonly subnormals?: boolean;
  /** Rows to replace in {@link tolerances}. */
  readonly tolerances?: Partial<Tolerances>;
}

/**
 * The properties every backend must have: each kernel of the contract over random shapes, strides, offsets, broadcasts
 * and values gives what the cpu backend gives in f64, within {@link tolerances}; it writes nothing but its output; and
 * leaves no memory allocated.
 */
export function conformanceCases(options: ConformanceOptions = {}): ConformanceCase[] {
  const settings = {
    runs: options.runs ?? 100,
    seed: options.seed,
    subnormals: options.subnormals ?? true,
    tolerances: { ...tolerances, ...options.tolerances },
  };
  return [
    ...bufferCases(settings),
    ...elementwiseCases(settings),
    ...reduceCases(settings),
    ...matmulCases(settings),
    ...indexingCases(settings),
    ...panelCases(settings),
    ...symmetricCases(settings),
    ...fusedCases(settings),
    ...importanceCases(settings),
  ];
}
