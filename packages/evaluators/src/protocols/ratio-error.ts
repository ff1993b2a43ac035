import { Random } from "@denoise-rotator/core";
import { standardDeviation } from "../statistics.js";

/** Sums over parts of a text: of −ln p, and of the tokens it is of. */
export interface Part {
  readonly sum: number;
  readonly tokens: number;
}

export const ratioOf = (parts: readonly Part[]): number =>
  parts.reduce((total, { sum }) => total + sum, 0) / parts.reduce((total, { tokens }) => total + tokens, 0);

/** Standard error of the ratio of sums by linearisation, the parts counting as independent; 0 for a single one. */
export function ratioError(parts: readonly Part[]): number {
  const count = parts.length;
  if (count < 2) return 0;
  const mean = ratioOf(parts);
  const tokens = parts.reduce((total, part) => total + part.tokens, 0);
  const squares = parts.reduce((total, part) => total + (part.sum - mean * part.tokens) ** 2, 0);
  return Math.sqrt((squares * count) / (count - 1)) / tokens;
}

export interface BootstrapErrors {
  /** Standard deviation of the mean −ln p over resampled texts. */
  readonly standardError: number;
  /** Of its exp. */
  readonly perplexityStandardError: number;
}

/**
 * Draws as many documents as there are, with replacement, again and again, and looks how the figures spread (Efron and Tibshirani, An Introduction to
 * the Bootstrap, 1993, chapter 6). Undefined for fewer than two documents.
 */
export function documentBootstrap(
  documents: readonly Part[],
  { replicates = 1000, seed = 0 } = {},
): BootstrapErrors | undefined {
  const { length } = documents;
  if (length < 2) return undefined;
  const random = new Random(seed);
  const means = Array.from({ length: replicates }, () => {
    let sum = 0;
    let tokens = 0;
    for (let i = 0; i < length; i++) {
      const drawn = documents[random.integer(length)]!;
      sum += drawn.sum;
      tokens += drawn.tokens;
    }
    return sum / tokens;
  });
  return {
    standardError: standardDeviation(means),
    perplexityStandardError: standardDeviation(means.map(Math.exp)),
  };
}
