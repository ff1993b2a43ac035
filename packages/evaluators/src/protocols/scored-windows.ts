import { OptionError } from "@denoise-rotator/core";

export interface ScoredWindow {
  /** What the model sees. */
  readonly tokens: Int32Array;
  /** Position in the stream of the first token that counts. */
  readonly first: number;
  /** How many tokens at the window's end count; those before are context. */
  readonly scored: number;
}

export interface ScoredWindowsOptions {
  /** Tokens of a window. */
  readonly length: number;
  /** Tokens from one window's end to the next one's; default `length`: end to end, no token sees more than its window. */
  readonly stride?: number;
  /** Put before each window, as part of its length. */
  readonly begin?: number | undefined;
  /** Windows at most. */
  readonly limit?: number;
}

export interface ScoredWindows {
  readonly windows: readonly ScoredWindow[];
  /** Tokens that no window holds: what is left after the last full one, or all of it behind a limit. */
  readonly droppedTokens: number;
  /** Tokens that are in windows and never predicted, since nothing comes before them. */
  readonly unpredictedTokens: number;
  /** Windows that `limit` left out. */
  readonly skippedWindows: number;
}

/**
 * Cuts a stream into windows. End to end, what is left at the end is dropped, as the published code does. With a smaller stride each window
 * begins with tokens that were predicted before and now are context; the last one is shorter, and nothing is dropped. Each token
 * counts once.
 *
 * @throws OptionError for a stream shorter than a window, or a stride that does not fit.
 */
export function scoredWindows(stream: Int32Array, options: ScoredWindowsOptions): ScoredWindows {
  const { length, begin, limit = Number.POSITIVE_INFINITY } = options;
  const room = begin === undefined ? length : length - 1;
  const { stride = room } = options;
  check(stream, options, room, stride);
  const all: ScoredWindow[] = [];
  const endToEnd = stride === room;
  for (let start = 0, seen = 0; start < stream.length && seen < stream.length; start += stride) {
    const end = Math.min(start + room, stream.length);
    if (endToEnd && end - start < room) break;
    const part = stream.subarray(start, end);
    const tokens = begin === undefined ? part.slice() : Int32Array.of(begin, ...part);
    // Nothing comes before the first token of the first window, nor of any where they stand end to end.
    const unpredicted = begin === undefined && (start === 0 || endToEnd) ? 1 : 0;
    const first = Math.max(seen, start) + unpredicted;
    if (first < end) all.push({ tokens, first, scored: end - first });
    seen = end;
  }
  const windows = all.slice(0, limit);
  const { first, scored } = windows.at(-1)!;
  const predicted = windows.reduce((sum, window) => sum + window.scored, 0);
  return {
    windows,
    droppedTokens: stream.length - (first + scored),
    unpredictedTokens: first + scored - predicted,
    skippedWindows: all.length - windows.length,
  };
}

function check(
  stream: Int32Array,
  { length, limit }: ScoredWindowsOptions,
  room: number,
  stride: number,
): void {
  if (!Number.isInteger(length) || length < 2)
    throw new OptionError(`windows of ${length} tokens; 2 at least`);
  if (limit !== undefined && !(limit >= 1)) throw new OptionError(`limit ${limit} is below 1`);
  if (!Number.isInteger(stride) || stride < 1 || stride > room) {
    throw new OptionError(`stride ${stride} is not between 1 and the window's ${room} tokens`);
  }
  if (stream.length >= (stride === room ? room : 2)) return;
  throw new OptionError(
    `the evaluation text has ${stream.length} tokens, one window needs ${room}; give a longer text or shorter windows`,
  );
}
