import type { LanguageModel, LogLikelihoodOptions } from "@denoise-rotator/contracts";
import { NonFiniteError, OptionError } from "@denoise-rotator/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { evenWindows, perplexity } from "../src/index.js";

/** A model that answers with ln p of (window, position). */
const modelOf = (vocabularySize: number, logLikelihood: (window: Int32Array, i: number) => number) =>
  ({
    name: "stub",
    vocabularySize,
    contextLength: 64,
    async *logLikelihoods(windows: readonly Int32Array[], options?: LogLikelihoodOptions) {
      options?.signal?.throwIfAborted();
      for (const window of windows) {
        yield Float32Array.from(window.subarray(1), (_, i) => logLikelihood(window, i + 1));
      }
      options?.onProgress?.(1, 1);
    },
  }) satisfies LanguageModel;

const stream = Int32Array.from({ length: 103 }, (_, i) => i % 7);

describe("perplexity", () => {
  it("should be the vocabulary size for a uniform model, without error", async () => {
    const { windows } = evenWindows(stream, { length: 10 });
    const result = await perplexity(
      modelOf(50, () => -Math.log(50)),
      windows,
    );
    expect(result.perplexity).toBeCloseTo(50, 4);
    expect(result.perplexityStandardError).toBeCloseTo(0, 6);
    expect(result).toMatchObject({ tokens: 90, windows: 10, windowLength: 10 });
  });

  it("should state the standard error of the mean over windows, and of the perplexity", async () => {
    const windows = [1, 2, 3].map((value) => Int32Array.of(value, 0, 0));
    const result = await perplexity(
      modelOf(9, (window) => -window[0]!),
      windows,
    );
    expect(result.meanNegativeLogLikelihood).toBeCloseTo(2, 6);
    expect(result.standardError).toBeCloseTo(1 / Math.sqrt(3), 6);
    expect(result.perplexityStandardError).toBeCloseTo(Math.exp(2) / Math.sqrt(3), 5);
  });

  it("should name the window whose log-likelihood is not finite", async () => {
    const { windows } = evenWindows(stream, { length: 10 });
    for (const bad of [Number.NaN, Number.NEGATIVE_INFINITY]) {
      const model = modelOf(9, (window, i) => (window === windows[3] && i === 4 ? bad : -1));
      const failure = perplexity(model, windows);
      await expect(failure).rejects.toThrow(NonFiniteError);
      await expect(failure).rejects.toThrow("window 3");
    }
  });

  it("should refuse windows without a token to predict, and pass signal and progress on", async () => {
    const model = modelOf(9, () => -1);
    await expect(perplexity(model, [])).rejects.toThrow(OptionError);
    await expect(perplexity(model, [Int32Array.of(1)])).rejects.toThrow("2 or more");
    const aborted = perplexity(model, [stream], { signal: AbortSignal.abort(new Error("enough")) });
    await expect(aborted).rejects.toThrow("enough");
    const progress: number[] = [];
    await perplexity(model, [stream], { onProgress: (done) => progress.push(done) });
    expect(progress).toEqual([1]);
  });
});

describe("evenWindows", () => {
  it("should cut end to end, drop the remainder and count it", () => {
    const { windows, droppedTokens, skippedWindows } = evenWindows(stream, { length: 10 });
    expect(windows.map((window) => window[0])).toEqual(
      [0, 10, 20, 30, 40, 50, 60, 70, 80, 90].map((i) => i % 7),
    );
    expect({ droppedTokens, skippedWindows }).toEqual({ droppedTokens: 3, skippedWindows: 0 });
  });

  it("should account for every token whatever the options", () => {
    const options = fc.record({
      length: fc.integer({ min: 1, max: 40 }),
      stride: fc.integer({ min: 1, max: 6 }),
      limit: fc.integer({ min: 1, max: 12 }),
    });
    fc.assert(
      fc.property(options, (given) => {
        const { windows, droppedTokens, skippedWindows } = evenWindows(stream, given);
        expect((windows.length + skippedWindows) * given.length + droppedTokens).toBe(stream.length);
        expect(droppedTokens).toBeLessThan(given.length);
        windows.forEach((window, i) => {
          const start = i * given.stride * given.length;
          expect(window).toEqual(stream.slice(start, start + given.length));
        });
      }),
    );
  });

  it("should refuse a stream shorter than a window, and options out of range", () => {
    expect(() => evenWindows(stream, { length: 104 })).toThrow("103 tokens");
    for (const bad of [{ length: 0 }, { length: 2, stride: 0 }, { length: 2, limit: 0 }]) {
      expect(() => evenWindows(stream, bad)).toThrow(OptionError);
    }
  });
});
