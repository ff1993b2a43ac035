import { OptionError, Random } from "@denoise-rotator/core";

export interface SampleWindowsOptions {
  /** Windows. */
  readonly count: number;
  /** Tokens of a window. */
  readonly length: number;
  /** Random starts; without it windows are evenly spaced. */
  readonly seed?: number;
}

/**
 * Calibration windows of a token stream. Evenly spaced: window i starts at ⌊i·(L − length)/(count − 1)⌋, the only one
 * at 0. With a seed: starts drawn uniformly, independently. Windows may overlap.
 *
 * @throws OptionError if the stream is shorter than one window.
 */
export function sampleWindows(stream: Int32Array, options: SampleWindowsOptions): Int32Array[] {
  const { count, length, seed } = options;
  for (const [name, value] of Object.entries({ count, length })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new OptionError(`sampleWindows: ${name} ${value} is not an integer ≥ 1`);
    }
  }
  const room = stream.length - length;
  if (room < 0) {
    throw new OptionError(
      `the calibration text has ${stream.length} tokens, one window needs ${length}; give a longer text or shorter windows`,
    );
  }
  const random = seed === undefined ? undefined : new Random(seed);
  return Array.from({ length: count }, (_, i) => {
    const start = random ? random.integer(room + 1) : count === 1 ? 0 : Math.floor((i * room) / (count - 1));
    return stream.slice(start, start + length);
  });
}

/**
 * Checks windows of token ids: some, one length, ids in the vocabulary.
 *
 * @throws OptionError naming the window.
 */
export function checkWindows(
  windows: readonly Int32Array[],
  limits: { readonly vocabularySize: number; readonly contextLength: number },
): void {
  const [first] = windows;
  if (!first) throw new OptionError("no windows: give at least one");
  if (first.length < 1 || first.length > limits.contextLength) {
    throw new OptionError(
      `windows of ${first.length} tokens: the model takes 1 to ${limits.contextLength}; choose another length`,
    );
  }
  windows.forEach((window, index) => {
    if (window.length !== first.length) {
      throw new OptionError(`window ${index} has ${window.length} tokens, window 0 has ${first.length}`);
    }
    const bad = window.findIndex((id) => id < 0 || id >= limits.vocabularySize);
    if (bad >= 0) {
      throw new OptionError(
        `window ${index}: token id ${window[bad]} at ${bad} is outside the vocabulary of ${limits.vocabularySize}; is the tokenizer the model's own?`,
      );
    }
  });
}
