import type { ContinuationScore } from "@denoise-rotator/contracts";
import { mean, standardDeviation } from "../statistics.js";
import { codePoints } from "./python-text.js";

/** What a model made of an example. */
export interface Outcome {
  /** One a choice or context; of a task of kind `continuation` one. */
  readonly scores: readonly ContinuationScore[];
  /** Texts of the choices or contexts; of kind `continuation` the one text. */
  readonly choices: readonly string[];
  /** Index of the right one; of kind `continuation` 0. */
  readonly answer: number;
}

export interface Metric {
  readonly name: string;
  readonly higherIsBetter: boolean;
  /** What one example counts. */
  value(outcome: Outcome): number;
  /** What the examples come to; default their mean, with its standard error. */
  readonly aggregate?: (values: readonly number[]) => Estimate;
}

export interface Estimate {
  readonly value: number;
  /** `null` where it is not known, as for a single example. */
  readonly standardError: number | null;
}

/** The mean, and its standard error from the sample's standard deviation. */
export function meanEstimate(values: readonly number[]): Estimate {
  const value = mean(values);
  if (values.length < 2) return { value, standardError: null };
  return { value, standardError: standardDeviation(values) / Math.sqrt(values.length) };
}

/** exp(−mean) of log-likelihoods; the standard error by the delta method. */
function perplexityEstimate(values: readonly number[]): Estimate {
  const { value, standardError } = meanEstimate(values);
  const perplexity = Math.exp(-value);
  return {
    value: perplexity,
    standardError: standardError === null ? null : perplexity * standardError,
  };
}

/** Index of the largest, the first among equals. */
function likeliest({ scores, choices }: Outcome, size: (choice: string) => number): number {
  const values = scores.map(({ logLikelihood }, i) => logLikelihood / size(choices[i]!));
  return values.indexOf(Math.max(...values));
}

const utf8 = new TextEncoder();
const accuracy = (name: string, size: (choice: string) => number): Metric => ({
  name,
  higherIsBetter: true,
  value: (outcome) => (likeliest(outcome, size) === outcome.answer ? 1 : 0),
});

/** Of a single continuation: whether greedy decoding gives it. Of several: whether the likeliest is the right one. */
const acc: Metric = {
  name: "acc",
  higherIsBetter: true,
  value: (outcome) =>
    outcome.scores.length === 1
      ? Number(outcome.scores[0]!.greedy)
      : Number(likeliest(outcome, () => 1) === outcome.answer),
};

/**
 * The metrics of the built-in tasks, by the names and definitions of lm-evaluation-harness: `acc_norm` divides a choice's
 * log-likelihood by its length in characters (code points), `acc_bytes` in bytes of UTF-8; `perplexity` is that of whole
 * continuations.
 */
export const metrics = {
  acc,
  acc_norm: accuracy("acc_norm", codePoints),
  acc_bytes: accuracy("acc_bytes", (choice) => utf8.encode(choice).length),
  perplexity: {
    name: "perplexity",
    higherIsBetter: false,
    value: ({ scores }) => scores[0]!.logLikelihood,
    aggregate: perplexityEstimate,
  },
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof metrics;
export const metricNames = Object.keys(metrics) as MetricName[];
