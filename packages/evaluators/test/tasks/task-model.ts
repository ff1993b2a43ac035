import type { ContinuationRequest, LanguageModel } from "@denoise-rotator/contracts";
import type { Subject } from "../../src/index.js";

/** Token ids are code points; a first token of id 1 where special tokens are added. */
export const characters = {
  encode: (text: string, options: { addSpecialTokens?: boolean } = {}) =>
    Int32Array.from([
      ...(options.addSpecialTokens ? [1] : []),
      ...Array.from(text, (character) => character.codePointAt(0)!),
    ]),
  decode: (ids: ArrayLike<number>) => String.fromCodePoint(...Array.from(ids)),
};

/** A model whose log-likelihood of a continuation is what `score` says of the two texts; remembers what it was asked. */
export function modelOf(score: (continuation: string, context: string) => number, contextLength = 1000) {
  const asked: { context: string; continuation: string }[] = [];
  const model = {
    name: "stub",
    vocabularySize: 0x110000,
    contextLength,
    async *logLikelihoods() {},
    async scoreContinuations(requests: readonly ContinuationRequest[]) {
      return requests.map((request) => {
        const context = characters.decode(request.context);
        const continuation = characters.decode(request.continuation);
        asked.push({ context, continuation });
        const dropped = Math.max(0, request.context.length + request.continuation.length - contextLength - 1);
        return { logLikelihood: score(continuation, context), greedy: true, dropped };
      });
    },
  } satisfies LanguageModel;
  const subject: Subject = { model, tokenizer: characters, prefixToken: 1 };
  return { subject, asked };
}
