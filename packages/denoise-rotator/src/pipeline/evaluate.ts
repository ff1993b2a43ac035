import { evenWindows, type PerplexityResult, perplexity } from "@denoise-rotator/evaluators";
import type { Model } from "@denoise-rotator/models";
import type { ProgressEvent } from "./options.js";
import { tokensOf } from "./texts.js";

/** The embedded model's protocol takes every 4th of the held-out windows. */
const embeddedStride = 4;

export interface EvaluationOptions {
  /** A text file or directory; default the embedded held-out text. */
  readonly text?: string | null;
  readonly windowLength: number;
  /** Windows at most. */
  readonly windows: number;
  readonly stage: string;
  readonly progress?: (event: ProgressEvent) => void;
  readonly signal?: AbortSignal | undefined;
  /** Called with the mean of −ln p of each window. */
  readonly onWindow?: (meanNegativeLogLikelihood: number) => void;
}

/** Perplexity over fixed windows of held-out text. */
export async function evaluate(model: Model, options: EvaluationOptions): Promise<PerplexityResult> {
  const embedded = !options.text;
  const stream = await tokensOf(model, options.text ?? "embedded", "test", "--eval-text");
  const { windows } = evenWindows(stream, {
    length: options.windowLength,
    stride: embedded ? embeddedStride : 1,
    limit: options.windows,
  });
  return perplexity(model, windows, {
    onProgress: (done, total) => options.progress?.({ stage: options.stage, block: done, blocks: total }),
    ...(options.signal ? { signal: options.signal } : {}),
    ...(options.onWindow ? { onWindow: options.onWindow } : {}),
  });
}
