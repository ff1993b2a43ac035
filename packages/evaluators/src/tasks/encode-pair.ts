import type { ContinuationRequest } from "@denoise-rotator/contracts";
import { stripEnd } from "./python-text.js";

/** What tasks need of a tokenizer. `Tokenizer` of `@denoise-rotator/checkpoint` is one. */
export interface TextTokenizer {
  encode(text: string, options?: { addSpecialTokens?: boolean }): Int32Array;
  decode(ids: ArrayLike<number>): string;
}

/** Texts to requests, as lm-evaluation-harness does it. */
export interface PairEncoder {
  /** The token ids of a context and of what follows it; either may come out empty if its text is. */
  encode(context: string, continuation: string): ContinuationRequest;
}

/**
 * White space at the end of the context goes to the continuation; both are encoded together, and the continuation is what
 * is left after as many tokens as the context alone has. What the tokenizer puts around a text (a token for its beginning)
 * is added, unless the text begins with `prefixToken` already, which also stands for an empty context.
 */
export function pairEncoder(tokenizer: TextTokenizer, prefixToken: number): PairEncoder {
  const prefixText = tokenizer.decode([prefixToken]);
  const encode = (text: string) =>
    tokenizer.encode(text, { addSpecialTokens: !(prefixText && text.startsWith(prefixText)) });
  // The choices of an example share their context, and examples come one after another.
  let last = { text: "", ids: new Int32Array() as Int32Array };
  const encodeContext = (text: string) => {
    if (last.text !== text) last = { text, ids: encode(text) };
    return last.ids;
  };
  return {
    encode(context, continuation) {
      const kept = stripEnd(context);
      if (kept === "") return afterPrefix(tokenizer.encode(context + continuation), prefixToken);
      const contextIds = encodeContext(kept);
      const whole = encode(context + continuation);
      return { context: contextIds, continuation: whole.slice(contextIds.length) };
    },
  };
}

function afterPrefix(ids: Int32Array, prefixToken: number): ContinuationRequest {
  if (ids[0] === prefixToken) return { context: ids.slice(0, 1), continuation: ids.slice(1) };
  return { context: Int32Array.of(prefixToken), continuation: ids };
}
