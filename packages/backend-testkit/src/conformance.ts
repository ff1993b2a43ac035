import { bufferCases } from "./cases/buffers.js";
import { elementwiseCases } from "./cases/elementwise.js";
import { fusedCases } from "./cases/fused.js";
import { importanceCases } from "./cases/importance.js";
import { indexingCases } from "./cases/indexing.js";
import { matmulCases } from "./cases/matmul.js";
import { panelCases } from "./cases/panels.js";
import { reduceCases } from "./cases/reduce.js";
import { sparse24Cases } from "./cases/sparse24.js";
import { symmetricCases } from "./cases/symmetric.js";
import type { Comparison } from "./compare.js";
import type { ConformanceCase, Settings } from "./kernel-case.js";
import { type ToleranceName, type Tolerances, tolerances } from "./tolerances.js";

export interface ConformanceOptions {
  /** Samples per case (a few cases take a multiple). Default 100. */
  readonly runs?: number;
  /** Seed of all samples. Default: fast-check's, which it prints when a case fails. */
  readonly seed?: number;
  /** Whether operands hold subnormal numbers; false for devices that flush them to zero. Default true. */
  readonly subnormals?: boolean;
  /** Rows to replace in {@link tolerances}. */
  readonly tolerances?: Partial<Tolerances>;
  /** Hears of every result beside the exact one, with the name of the tolerance it is held to. */
  readonly onCompared?: (kernel: ToleranceName, comparison: Comparison) => void;
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
    tolerances: watched({ ...tolerances, ...options.tolerances }, options.onCompared),
  };
  return [
    ...bufferCases(settings),
    ...elementwiseCases(settings),
    ...reduceCases(settings),
    ...matmulCases(settings),
    ...indexingCases(settings),
    ...panelCases(settings),
    ...symmetricCases(settings),
    ...sparse24Cases(settings),
    ...fusedCases(settings),
    ...importanceCases(settings),
  ];
}

function watched(rows: Tolerances, onCompared: ConformanceOptions["onCompared"]): Settings["tolerances"] {
  if (!onCompared) return rows;
  const entries = Object.entries(rows).map(([name, row]) => {
    const kernel = name as ToleranceName;
    return [kernel, { ...row, onCompared: (comparison: Comparison) => onCompared(kernel, comparison) }];
  });
  return Object.fromEntries(entries);
}
