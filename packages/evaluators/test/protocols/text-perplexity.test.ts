import type { LanguageModel } from "@denoise-rotator/contracts";
import { OptionError } from "@denoise-rotator/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  documentBootstrap,
  documentsOf,
  findProtocol,
  perplexity,
  protocols,
  ratioError,
  scoredWindows,
  type TextPerplexityOptions,
  textPerplexity,
  textStream,
} from "../../src/index.js";

/** A token a character; `addSpecialTokens` puts 1 before. */
const tokenizer = {
  encode(text: string, { addSpecialTokens = false } = {}) {
    const ids = Array.from(text, (letter) => letter.codePointAt(0)!);
    return Int32Array.from(addSpecialTokens ? [1, ...ids] : ids);
  },
  decode: (ids: ArrayLike<number>) => String.fromCodePoint(...Array.from(ids)),
};
/** ln p depends on the token and on how many it sees before it. */
const model: LanguageModel = {
  name: "stub",
  vocabularySize: 500,
  contextLength: 64,
  async *logLikelihoods(windows) {
    const { length } = windows[0]!;
    for (const window of windows) {
      expect(window.length).toBe(length);
      yield Float32Array.from(window.subarray(1), (token, i) => -(token % 7) - 1 / (i + 1));
    }
  },
};
const documents = ["one story. ", "a second, longer story about ö. ", "end."];
const measure = (beginning: "text" | "window" | "none", options: Partial<TextPerplexityOptions> = {}) =>
  textPerplexity(model, textStream(tokenizer, documents, beginning), {
    windowLength: 8,
    beginning,
    beginToken: 1,
    ...options,
  });

describe("scoredWindows", () => {
  it("should count every token once, each with as much before it as the window has room for", () => {
    const cases = fc.record({
      total: fc.integer({ min: 12, max: 80 }),
      length: fc.integer({ min: 2, max: 12 }),
      stride: fc.integer({ min: 1, max: 12 }),
      begin: fc.constantFrom(undefined, 99),
    });
    fc.assert(
      fc.property(cases, ({ total, length, stride: wanted, begin }) => {
        const stream = Int32Array.from({ length: total }, (_, i) => i);
        const room = begin === undefined ? length : length - 1;
        const stride = Math.min(wanted, room);
        const cut = scoredWindows(stream, { length, stride, begin });
        const seen: number[] = [];
        for (const { tokens, first, scored } of cut.windows) {
          expect(tokens.length).toBeLessThanOrEqual(length);
          if (begin !== undefined) expect(tokens[0]).toBe(begin);
          expect(tokens.length - scored).toBeGreaterThanOrEqual(1);
          const counted = [...tokens.subarray(tokens.length - scored)];
          expect(counted[0]).toBe(first);
          seen.push(...counted);
        }
        expect(new Set(seen).size).toBe(seen.length);
        expect(seen.length + cut.droppedTokens + cut.unpredictedTokens).toBe(total);
        if (stride < room) expect(cut.droppedTokens).toBe(0);
        if (begin !== undefined) expect(cut.unpredictedTokens).toBe(0);
      }),
    );
  });

  it("should say how much a limit leaves out, and refuse what does not fit", () => {
    const stream = new Int32Array(50);
    expect(scoredWindows(stream, { length: 10, limit: 2 })).toMatchObject({
      droppedTokens: 30,
      skippedWindows: 3,
      unpredictedTokens: 2,
    });
    expect(scoredWindows(stream, { length: 16 })).toMatchObject({ droppedTokens: 2, skippedWindows: 0 });
    for (const options of [
      { length: 1 },
      { length: 8, stride: 9 },
      { length: 8, stride: 0 },
      { length: 51 },
      { length: 8, limit: 0 },
    ]) {
      expect(() => scoredWindows(stream, options), JSON.stringify(options)).toThrow(OptionError);
    }
  });
});

describe("textPerplexity", () => {
  it("should be that of whole windows where they stand end to end", async () => {
    const found = await measure("none");
    const { tokens } = textStream(tokenizer, documents, "none");
    const windows = Array.from({ length: Math.floor(tokens.length / 8) }, (_, i) =>
      tokens.slice(8 * i, 8 * i + 8),
    );
    const plain = await perplexity(model, windows);
    for (const key of ["perplexity", "standardError", "perplexityStandardError"] as const) {
      expect(found[key]).toBeCloseTo(plain[key], 9);
    }
    expect(found).toMatchObject({
      tokens: plain.tokens,
      windows: windows.length,
      droppedTokens: tokens.length % 8,
    });
    expect(found.windowValues).toHaveLength(windows.length);
  });

  it("should tell bits per byte of UTF-8, whatever stands before the text", async () => {
    for (const beginning of ["text", "window", "none"] as const) {
      const found = await measure(beginning, { stride: 3 });
      const text = documents.join("");
      expect(found.bytes).toBe(new TextEncoder().encode(text).length);
      const bits = (found.meanNegativeLogLikelihood / Math.LN2) * text.length;
      expect(found.bitsPerByte).toBeCloseTo(bits / found.bytes, 9);
      expect(found.tokens).toBe(beginning === "none" ? text.length - 1 : text.length);
    }
  });

  it("should resample documents with a seed, and say where there is only one", async () => {
    const [one, same, other] = await Promise.all([1, 1, 2].map((seed) => measure("text", { seed })));
    expect(one!.documents).toBe(3);
    expect(one!.bootstrap).toEqual(same!.bootstrap);
    expect(one!.bootstrap).not.toEqual(other!.bootstrap);
    const single = textStream(tokenizer, ["a single document, long enough"], "none");
    expect(
      (await textPerplexity(model, single, { windowLength: 8, beginning: "none" })).bootstrap,
    ).toBeNull();
  });

  it("should refuse windows the model cannot take, and an empty text", async () => {
    await expect(measure("none", { windowLength: 65 })).rejects.toThrow(
      /windows of 65 tokens are longer than the context of stub, 64/,
    );
    await expect(measure("window", { beginToken: undefined })).rejects.toThrow(/--bos window needs one/);
    expect(() => textStream(tokenizer, [""], "text")).toThrow(/is empty/);
  });
});

describe("standard errors", () => {
  it("should agree by linearisation and by bootstrap on many independent parts", () => {
    const parts = Array.from({ length: 400 }, (_, i) => ({
      sum: 20 + ((i * 37) % 23),
      tokens: 8 + ((i * 11) % 5),
    }));
    const bootstrap = documentBootstrap(parts, { replicates: 2000 })!;
    expect(bootstrap.standardError / ratioError(parts)).toBeCloseTo(1, 1);
    expect(documentBootstrap(parts.slice(0, 1))).toBeUndefined();
    expect(ratioError(parts.slice(0, 1))).toBe(0);
  });
});

describe("protocols", () => {
  it("should join rows as the published code does, and know where documents begin", () => {
    const rows = ["", " = Title = \n", "", " text \n", " = = Section = = \n", " = Next = \n", " more \n"];
    const wiki = documentsOf(rows, findProtocol("wikitext2")!);
    expect(wiki.join("")).toBe(rows.join("\n\n"));
    expect(wiki).toHaveLength(3); // the empty row before the first title stands by itself
    const sentences = Array.from({ length: 45 }, (_, i) => `sentence ${i}`);
    expect(documentsOf(sentences, findProtocol("ptb")!)).toHaveLength(3);
    expect(documentsOf(sentences, findProtocol("c4")!).join("")).toBe(sentences.join(" "));
    for (const { name, version, dataset } of protocols) {
      expect(name).toMatch(/^[a-z0-9]+$/);
      expect(version).toBe("1");
      expect(dataset.files.every((file) => file.includes(dataset.split))).toBe(true);
    }
  });
});
