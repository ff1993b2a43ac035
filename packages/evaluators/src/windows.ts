import { OptionError } from "@denoise-rotator/core";

export interface EvenWindowsOptions {
  /** Tokens of a window. */
  readonly length: number;
  /** Every how many-th window is taken, from the first on; default 1. */
  readonly stride?: number;
  /** Windows at most; default all. */
  readonly limit?: number;
}

export interface EvenWindows {
  readonly windows: Int32Array[];
  /** Tokens after the last full window, which no window holds. */
  readonly droppedTokens: number;
  /** Full windows that `stride` and `limit` passed over. */
  readonly skippedWindows: number;
}

/**
 * Cuts a token stream into windows of one length, end to end, and drops the remainder.
 *
 * @throws OptionError if the stream is shorter than one window.
 */
export function evenWindows(stream: Int32Array, options: EvenWindowsOptions): EvenWindows {
  const { length, stride = 1, limit = Number.POSITIVE_INFINITY } = options;
  for (const [name, value] of Object.entries({ length, stride })) {
    if (!Number.isInteger(value) || value < 1)
      throw new OptionError(`evenWindows: ${name} ${value} is not an integer ≥ 1`);
  }
  if (!(limit >= 1)) throw new OptionError(`evenWindows: limit ${limit} is below 1`);
  const full = Math.floor(stream.length / length);
  if (full === 0) {
    throw new OptionError(
      `the evaluation text has ${stream.length} tokens, one window needs ${length}; give a longer text or shorter windows`,
    );
  }
  const count = Math.min(Math.ceil(full / stride), Math.floor(limit));
  const windows = Array.from({ length: count }, (_, i) =>
    stream.slice(i * stride * length, (i * stride + 1) * length),
  );
  return { windows, droppedTokens: stream.length - full * length, skippedWindows: full - count };
}
