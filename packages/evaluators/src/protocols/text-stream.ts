import { OptionError } from "@denoise-rotator/core";
import type { TextTokenizer } from "../tasks/encode-pair.js";

/** Where the token for the beginning of a text stands, where a tokenizer has one. */
export const beginnings = ["text", "window", "none"] as const;
/**
 * `text`: once before the text, where the tokenizer puts one there (what the published code does). `window`: before each window, as
 * part of its length; then every token of the text is predicted. `none`: nowhere.
 */
export type Beginning = (typeof beginnings)[number];

/** A text as tokens, and where its documents are in them. */
export interface TextStream {
  readonly tokens: Int32Array;
  /** Tokens at the start that are no text. */
  readonly special: number;
  /** Position in `tokens` where each document ends, ascending; the last is the stream's length. */
  readonly documentEnds: readonly number[];
  /** Bytes of UTF-8 of the text up to the end of each document. */
  readonly byteEnds: readonly number[];
}

/**
 * Tokenises documents as one text, as they stand with what separates them. A token does not end where a document does, so documents end where
 * they would by the tokens that each has alone, scaled to the stream's length: off by a token or two, which only the bootstrap sees.
 *
 * @throws OptionError for a text without tokens.
 */
export function textStream(
  tokenizer: TextTokenizer,
  documents: readonly string[],
  beginning: Beginning,
): TextStream {
  const text = documents.join("");
  const tokens = tokenizer.encode(text, { addSpecialTokens: beginning === "text" });
  const plain = tokenizer.encode(text.slice(0, 200));
  if (plain.length === 0) throw new OptionError("the evaluation text is empty");
  const special = beginning === "text" ? leading(tokens, plain) : 0;
  const alone = running(documents.map((document) => tokenizer.encode(document).length));
  const scale = (tokens.length - special) / Math.max(1, alone.at(-1)!);
  const utf8 = new TextEncoder();
  return {
    tokens,
    special,
    documentEnds: alone.map((end) => special + Math.round(end * scale)),
    byteEnds: running(documents.map((document) => utf8.encode(document).length)),
  };
}

/** How many tokens come before the first of the text itself. */
function leading(tokens: Int32Array, plain: Int32Array): number {
  const found = tokens.subarray(0, 4).indexOf(plain[0]!);
  return Math.max(0, found);
}

function running(counts: readonly number[]): number[] {
  let sum = 0;
  return counts.map((count) => {
    sum += count;
    return sum;
  });
}

/** Bytes of the text that the tokens before `position` stand for; inside a document in proportion. */
export function bytesBefore({ documentEnds, byteEnds, special }: TextStream, position: number): number {
  let document = documentEnds.findIndex((end) => end >= position);
  if (document < 0) document = documentEnds.length - 1;
  const [start, end] = [documentEnds[document - 1] ?? special, documentEnds[document]!];
  const [from, to] = [byteEnds[document - 1] ?? 0, byteEnds[document]!];
  const share = end > start ? (Math.min(position, end) - start) / (end - start) : 1;
  return from + share * (to - from);
}
