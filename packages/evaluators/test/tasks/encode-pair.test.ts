import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pairEncoder } from "../../src/index.js";
import { characters } from "./task-model.js";

/** Merges "ab", so that a context's last character may merge with what follows. */
const merging = {
  decode: characters.decode,
  encode: (text: string, options?: { addSpecialTokens?: boolean }) => {
    const ids = [...characters.encode(text, options)];
    for (let i = 0; i + 1 < ids.length; i++) if (ids[i] === 97 && ids[i + 1] === 98) ids.splice(i, 2, 5);
    return Int32Array.from(ids);
  },
};
const texts = fc.string({ unit: fc.constantFrom("a", "b", " ", "\n", "é", "\u0085", "😀"), maxLength: 8 });

describe("pairEncoder", () => {
  it("should give all tokens of the whole text, split after as many as the context alone has", () => {
    const encoder = pairEncoder(merging, 1);
    fc.assert(
      fc.property(texts, texts, (context, continuation) => {
        fc.pre(/[abé😀]/u.test(context));
        const pair = encoder.encode(context, continuation);
        const whole = merging.encode(context + continuation, { addSpecialTokens: true });
        const alone = merging.encode(context.replace(/[ \n\u0085]+$/, ""), { addSpecialTokens: true });
        expect(pair.context).toEqual(alone);
        expect(pair.continuation).toEqual(whole.slice(alone.length));
      }),
    );
  });

  it("should move white space to the continuation, as Python sees it", () => {
    const encoder = pairEncoder(characters, 1);
    expect(characters.decode(encoder.encode("a\u0085 ", "b").continuation)).toBe("\u0085 b");
    // JavaScript counts the byte order mark as white space, Python does not.
    expect(characters.decode(encoder.encode("a\ufeff", "b").continuation)).toBe("b");
  });

  it("should let the first token stand for an empty context, and not add it twice", () => {
    const encoder = pairEncoder(characters, 1);
    expect(encoder.encode("", "b")).toEqual({ context: Int32Array.of(1), continuation: Int32Array.of(98) });
    expect(encoder.encode("", "\u0001b")).toEqual({
      context: Int32Array.of(1),
      continuation: Int32Array.of(98),
    });
    expect(encoder.encode("\u0001a", "b").context).toEqual(Int32Array.of(1, 97));
  });
});
