import { OptionError } from "@denoise-rotator/core";
import type { EvaluationResult, Evaluator } from "../evaluator.js";
import type { PerplexityProtocol } from "./protocol.js";
import { type TextPerplexityResult, textPerplexity } from "./text-perplexity.js";
import { type Beginning, textStream } from "./text-stream.js";

export interface ProtocolOptions {
  /** The rows' texts, in order. */
  readonly rows: () => AsyncIterable<string>;
  /** Tokens of a window; default the model's context, at most 2048. */
  readonly windowLength?: number | undefined;
  readonly stride?: number | undefined;
  /** Default `text`. */
  readonly beginning?: Beginning | undefined;
}

/** What a protocol found: a perplexity, with all that belongs to it. */
export interface ProtocolResult extends EvaluationResult {
  readonly text: Omit<TextPerplexityResult, "windowValues">;
}

/** Documents of rows, each with the separators that belong to it; together they are the text. */
export function documentsOf(rows: readonly string[], protocol: PerplexityProtocol): string[] {
  const documents: string[] = [];
  for (const [index, row] of rows.entries()) {
    const piece = index === 0 ? row : protocol.separator + row;
    if (documents.length === 0 || protocol.beginsDocument(row, index)) documents.push(piece);
    else documents[documents.length - 1] += piece;
  }
  return documents;
}

/**
 * A protocol as an evaluator. `perplexity` has the standard error by resampling documents where there are several, else that over windows;
 * `limit` is windows at most.
 */
export const protocolEvaluator = (protocol: PerplexityProtocol, options: ProtocolOptions): Evaluator => ({
  name: protocol.name,
  version: protocol.version,
  async evaluate({ model, tokenizer, prefixToken }, { limit, samples, onProgress, signal }) {
    const { windowLength = Math.min(model.contextLength, 2048), stride, beginning = "text" } = options;
    const rows: string[] = [];
    for await (const row of options.rows()) {
      if (rows.push(row) === protocol.rows) break;
    }
    if (rows.length === 0) throw new OptionError(`${protocol.name}: its data have no rows`);
    const stream = textStream(tokenizer, documentsOf(rows, protocol), beginning);
    const most = Math.min(limit ?? Number.POSITIVE_INFINITY, protocol.windows ?? Number.POSITIVE_INFINITY);
    const { windowValues, ...text } = await textPerplexity(model, stream, {
      windowLength,
      stride,
      beginning,
      beginToken: prefixToken,
      limit: Number.isFinite(most) ? most : undefined,
      ...(onProgress ? { onProgress } : {}),
      ...(signal ? { signal } : {}),
    });
    const bitsOf = (mean: number) => (text.bitsPerByte * mean) / text.meanNegativeLogLikelihood;
    const { bootstrap } = text;
    const result: ProtocolResult = {
      task: protocol.name,
      // Only figures of the same windows can be compared.
      version: `${protocol.version}, windows of ${text.windowLength}, stride ${text.stride}, bos ${beginning}`,
      rows: text.windows,
      limited:
        limit !== undefined &&
        text.skippedWindows > 0 &&
        limit < (protocol.windows ?? Number.POSITIVE_INFINITY),
      metrics: {
        perplexity: {
          value: text.perplexity,
          standardError: bootstrap?.perplexityStandardError ?? text.perplexityStandardError,
          higherIsBetter: false,
        },
        bits_per_byte: {
          value: text.bitsPerByte,
          standardError: bitsOf(bootstrap?.standardError ?? text.standardError),
          higherIsBetter: false,
        },
      },
      text,
      ...(samples && {
        // As of LAMBADA: of a perplexity, log-likelihoods are what can be paired.
        samples: windowValues.map((mean, row) => ({
          row,
          values: { perplexity: -mean, bits_per_byte: bitsOf(mean) },
        })),
      }),
    };
    return result;
  },
});
