import { OptionError } from "@denoise-rotator/core";
import { mean } from "../statistics.js";
import { type BootstrapOptions, bootstrapMean, type Interval } from "./bootstrap.js";
import { type Discordance, mcnemar } from "./mcnemar.js";

/** What two models came to on the same examples. */
export interface PairedComparison {
  readonly pairs: number;
  /** Means over the examples. */
  readonly first: number;
  readonly second: number;
  /** second − first. */
  readonly difference: number;
  /** For the difference. */
  readonly interval: Interval;
  readonly level: number;
  /** Of values that are all 0 or 1, such as accuracies. */
  readonly mcnemar: (Discordance & { readonly p: number }) | null;
  /** Whether the data show a difference: the interval leaves out 0 and, where there is one, the test agrees. */
  readonly shown: boolean;
}

/**
 * Compares two models by their values on the same examples. Pairing takes out how hard the examples are, which both
 * models share; intervals of each model alone would be wider (Miller, arXiv 2411.00640, §3).
 *
 * @throws OptionError where there are no values or not equally many.
 */
export function comparePaired(
  first: readonly number[],
  second: readonly number[],
  options: BootstrapOptions = {},
): PairedComparison {
  const pairs = first.length;
  if (pairs === 0 || pairs !== second.length) {
    throw new OptionError(`cannot pair ${pairs} values with ${second.length}`);
  }
  const { level = 0.95 } = options;
  const differences = first.map((value, i) => second[i]! - value);
  const interval = bootstrapMean(differences, options);
  const test = [...first, ...second].every((value) => value === 0 || value === 1)
    ? discordance(differences)
    : null;
  const outside = interval.low > 0 || interval.high < 0;
  return {
    pairs,
    first: mean(first),
    second: mean(second),
    difference: mean(differences),
    interval,
    level,
    mcnemar: test,
    shown: outside && (test === null || test.p < 1 - level),
  };
}

function discordance(differences: readonly number[]) {
  const onlyFirst = differences.filter((difference) => difference < 0).length;
  const onlySecond = differences.filter((difference) => difference > 0).length;
  return { onlyFirst, onlySecond, p: mcnemar({ onlyFirst, onlySecond }) };
}
