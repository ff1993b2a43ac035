import type { LanguageModel, LogLikelihoodOptions } from "@denoise-rotator/contracts";
import { NonFiniteError, OptionError } from "@denoise-rotator/core";
import type { PerplexityResult } from "../perplexity.js";
import { type BootstrapErrors, documentBootstrap, type Part, ratioError, ratioOf } from "./ratio-error.js";
import { type ScoredWindow, scoredWindows } from "./scored-windows.js";
import { type Beginning, bytesBefore, type TextStream } from "./text-stream.js";

export interface TextPerplexityOptions extends LogLikelihoodOptions {
  /** Tokens of a window. */
  readonly windowLength: number;
  /** See `scoredWindows`; default end to end. */
  readonly stride?: number | undefined;
  /** Where a beginning token stands; has to be that of the stream. Default `text`. */
  readonly beginning?: Beginning;
  /** The beginning token, for `window`. */
  readonly beginToken?: number | undefined;
  /** Windows at most. */
  readonly limit?: number | undefined;
  /** Of the bootstrap; default 0. */
  readonly seed?: number;
}

export interface TextPerplexityResult extends PerplexityResult {
  /** Bits per byte of UTF-8: comparable between tokenizers. Of the mean over predicted tokens and the text's tokens per byte. */
  readonly bitsPerByte: number;
  /** Bytes of the part of the text that the windows cover. */
  readonly bytes: number;
  /** Documents that have predicted tokens. */
  readonly documents: number;
  /** Standard errors by resampling documents; `null` where there is only one. */
  readonly bootstrap: BootstrapErrors | null;
  readonly stride: number;
  readonly beginning: Beginning;
  readonly droppedTokens: number;
  readonly unpredictedTokens: number;
  readonly skippedWindows: number;
  /** Mean of −ln p of each window. */
  readonly windowValues: readonly number[];
}

/**
 * Perplexity of a text: every predicted token counts alike.
 *
 * @throws OptionError for windows longer than the model's context, or a text shorter than one; NonFiniteError naming the window.
 */
export async function textPerplexity(
  model: LanguageModel,
  stream: TextStream,
  options: TextPerplexityOptions,
): Promise<TextPerplexityResult> {
  const { windowLength, stride, beginning = "text", seed = 0, limit } = options;
  if (windowLength > model.contextLength) {
    throw new OptionError(
      `windows of ${windowLength} tokens are longer than the context of ${model.name}, ${model.contextLength}`,
    );
  }
  const begin = beginning === "window" ? beginToken(model, options) : undefined;
  const cut = scoredWindows(stream.tokens, {
    length: windowLength,
    begin,
    ...(stride === undefined ? {} : { stride }),
    ...(limit === undefined ? {} : { limit }),
  });
  const documents = new DocumentSums(stream.documentEnds);
  const windows = await scoreAll(model, cut.windows, documents, options);
  const { first, scored } = cut.windows.at(-1)!;
  const covered = first + scored;
  const bytes = Math.round(bytesBefore(stream, covered));
  const mean = ratioOf(windows);
  const standardError = ratioError(windows);
  const found = documents.parts();
  const { windows: _, ...counts } = cut;
  return {
    perplexity: Math.exp(mean),
    perplexityStandardError: Math.exp(mean) * standardError,
    meanNegativeLogLikelihood: mean,
    standardError,
    bitsPerByte: ((mean / Math.LN2) * (covered - stream.special)) / bytes,
    bytes,
    documents: found.length,
    bootstrap: documentBootstrap(found, { seed }) ?? null,
    tokens: windows.reduce((sum, { tokens }) => sum + tokens, 0),
    windows: windows.length,
    windowLength,
    stride: stride ?? windowLength - (begin === undefined ? 0 : 1),
    beginning,
    ...counts,
    windowValues: windows.map(({ sum, tokens }) => sum / tokens),
  };
}

function beginToken(model: LanguageModel, { beginToken }: TextPerplexityOptions): number {
  if (beginToken !== undefined) return beginToken;
  throw new OptionError(`${model.name}: names no token for the beginning of texts; --bos window needs one`);
}

/** −ln p by document, of tokens that come in order. */
class DocumentSums {
  readonly #ends: readonly number[];
  readonly #sums: Float64Array;
  readonly #tokens: Float64Array;

  constructor(ends: readonly number[]) {
    this.#ends = ends;
    this.#sums = new Float64Array(ends.length);
    this.#tokens = new Float64Array(ends.length);
  }

  add(first: number, values: Float32Array): void {
    let document = this.#ends.findIndex((end) => end > first);
    for (const [i, value] of values.entries()) {
      while (document < this.#ends.length - 1 && this.#ends[document]! <= first + i) document++;
      this.#sums[document]! -= value;
      this.#tokens[document]! += 1;
    }
  }

  parts(): Part[] {
    const all = Array.from(this.#sums, (sum, i): Part => ({ sum, tokens: this.#tokens[i]! }));
    return all.filter(({ tokens }) => tokens > 0);
  }
}

/** Windows of one length go to the model together; at most the last is shorter. */
async function scoreAll(
  model: LanguageModel,
  windows: readonly ScoredWindow[],
  documents: DocumentSums,
  options: LogLikelihoodOptions,
): Promise<Part[]> {
  const last = windows.at(-1)!;
  const uneven = last.tokens.length !== windows[0]!.tokens.length;
  const groups = uneven ? [windows.slice(0, -1), [last]] : [windows];
  const parts: Part[] = [];
  for (const group of groups) {
    const tokens = group.map((window) => window.tokens);
    let index = 0;
    for await (const values of model.logLikelihoods(tokens, options)) {
      const { first, scored } = group[index++]!;
      const counted = values.subarray(values.length - scored);
      const sum = -counted.reduce((total, value) => total + value, 0);
      if (!Number.isFinite(sum)) {
        throw new NonFiniteError(`${model.name}: the log-likelihood of window ${parts.length} is ${-sum}`);
      }
      documents.add(first, counted);
      parts.push({ sum, tokens: counted.length });
    }
    if (index !== group.length) {
      throw new OptionError(`${model.name}: gave ${index} results for ${group.length} windows`);
    }
  }
  return parts;
}
