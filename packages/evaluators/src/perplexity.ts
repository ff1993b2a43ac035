import type { LanguageModel, LogLikelihoodOptions } from "@denoise-rotator/contracts";
import { NonFiniteError, OptionError } from "@denoise-rotator/core";

export interface PerplexityOptions extends LogLikelihoodOptions {
  /** Called with the mean of −ln p of each window, in order: what a paired comparison needs. */
  readonly onWindow?: (meanNegativeLogLikelihood: number) => void;
}

export interface PerplexityResult {
  /** exp of the mean negative log-likelihood. */
  readonly perplexity: number;
  /** Standard error of `perplexity` by the delta method: perplexity · standardError. */
  readonly perplexityStandardError: number;
  /** Mean of −ln p over all predicted tokens, in nats. */
  readonly meanNegativeLogLikelihood: number;
  /** Standard error of that mean over windows, which count as independent; 0 where there is only one. */
  readonly standardError: number;
  /** Predicted tokens: all but the first of every window. */
  readonly tokens: number;
  readonly windows: number;
  /** Tokens of a window. */
  readonly windowLength: number;
}

/**
 * Perplexity of a model over windows of one length (see `evenWindows`); each window is seen by itself and its first
 * token is not predicted.
 *
 * @throws OptionError for no windows or windows of less than two tokens; NonFiniteError naming the window where a
 *   log-likelihood is NaN or infinite.
 */
export async function perplexity(
  model: LanguageModel,
  windows: readonly Int32Array[],
  options: PerplexityOptions = {},
): Promise<PerplexityResult> {
  const windowLength = windows[0]?.length ?? 0;
  if (windowLength < 2) {
    throw new OptionError(
      `perplexity: ${windows.length} windows of ${windowLength} tokens; give windows of 2 or more`,
    );
  }
  const means: number[] = [];
  for await (const values of model.logLikelihoods(windows, options)) {
    const mean = -values.reduce((sum, value) => sum + value, 0) / values.length;
    if (!Number.isFinite(mean)) {
      throw new NonFiniteError(`${model.name}: the log-likelihood of window ${means.length} is ${-mean}`);
    }
    means.push(mean);
    options.onWindow?.(mean);
  }
  if (means.length !== windows.length) {
    throw new OptionError(`${model.name}: gave ${means.length} results for ${windows.length} windows`);
  }
  const count = means.length;
  const mean = means.reduce((sum, value) => sum + value, 0) / count;
  const squares = means.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const standardError = count > 1 ? Math.sqrt(squares / (count - 1) / count) : 0;
  return {
    perplexity: Math.exp(mean),
    perplexityStandardError: Math.exp(mean) * standardError,
    meanNegativeLogLikelihood: mean,
    standardError,
    tokens: count * (windowLength - 1),
    windows: count,
    windowLength,
  };
}
