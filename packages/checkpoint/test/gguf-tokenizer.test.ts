import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { MetadataFields } from "../src/gguf/metadata-fields.js";
import { tokenizerFromGguf } from "../src/gguf/tokenizer-from-gguf.js";
import { Tokenizer } from "../src/index.js";

interface Case {
  readonly name: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly texts: readonly { readonly text: string; readonly ids: readonly number[] }[];
}

const goldens = fileURLToPath(new URL("../../../goldens/gguf/tokenizers.json", import.meta.url));
const { cases } = JSON.parse(readFileSync(goldens, "utf8")) as { cases: readonly Case[] };

const fieldsOf = (metadata: Readonly<Record<string, unknown>>) =>
  new MetadataFields(
    "x.gguf",
    new Map(Object.entries(metadata).map(([key, value]) => [`tokenizer.ggml.${key}`, value])),
  );

function tokenizerOf(metadata: Readonly<Record<string, unknown>>): Tokenizer {
  const { json, settings } = tokenizerFromGguf(fieldsOf(metadata));
  // As it is after a trip through a file.
  return new Tokenizer(JSON.parse(JSON.stringify(json)), JSON.parse(JSON.stringify(settings)));
}

describe("tokenizerFromGguf", () => {
  it.each(cases)("should give the ids of the reference: $name", ({ metadata, texts }) => {
    const tokenizer = tokenizerOf(metadata);
    expect(texts.length).toBeGreaterThan(10);
    for (const { text, ids } of texts) expect([text, ...tokenizer.encode(text)]).toEqual([text, ...ids]);
  });

  it.each(cases)("should decode what it encoded: $name", ({ metadata, texts }) => {
    const tokenizer = tokenizerOf(metadata);
    for (const { text } of texts) {
      if (text.normalize("NFC") !== text) continue;
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    }
  });

  const byName = (name: string) => cases.find((each) => each.name === name)!.metadata;

  it("should add the first token where the metadata say so, or the pre-tokenizer's model does", () => {
    const { add_bos_token: _, ...silent } = byName("llama-bpe");
    const first = (metadata: Readonly<Record<string, unknown>>) =>
      tokenizerOf(metadata).encode("a", { addSpecialTokens: true })[0] === 0;
    expect(first(silent)).toBe(true);
    expect(first(byName("llama-bpe"))).toBe(false);
    expect(first(byName("gpt-2"))).toBe(false);
    expect(first({ ...byName("gpt-2"), add_bos_token: true })).toBe(true);
    expect(tokenizerOf(byName("gpt-2")).eosId).toBe(1);
  });

  it("should take no pre-tokenizer for the default one", () => {
    const { pre: _, ...silent } = byName("default");
    const { json } = tokenizerFromGguf(fieldsOf(silent));
    expect(json).toEqual(tokenizerFromGguf(fieldsOf(byName("default"))).json);
  });

  it.each([
    [{ model: undefined }, "tokenizer.ggml.model is missing"],
    [{ model: "bert" }, 'tokenizer.ggml.model is "bert", supported: gpt2, llama'],
    [{ pre: "qwen3" }, '"qwen3" (did you mean "qwen2"?)'],
    [{ tokens: undefined }, "tokenizer.ggml.tokens is missing"],
    [{ tokens: [1] }, "tokenizer.ggml.tokens is [1], it must be a list of strings"],
    [{ token_type: [1] }, "has 1 entries for"],
    [{ merges: ["abc"] }, 'holds "abc", which is no pair of tokens'],
    [{ merges: ["a b c"] }, "which is no pair of tokens"],
    [{ bos_token_id: 1e6 }, "bos_token_id is 1000000, the vocabulary has"],
    [{ bos_token_id: -1 }, "bos_token_id is -1, it must be an integer of at least 0"],
    [{ model: "llama" }, "tokenizer.ggml.scores is missing"],
    [{ model: "llama", scores: [1] }, "has 1 entries for"],
  ])("should name what is wrong: %j", (change, message) => {
    const metadata = Object.fromEntries(
      Object.entries({ ...byName("gpt-2"), ...change }).filter(([, value]) => value !== undefined),
    );
    expect(() => tokenizerFromGguf(fieldsOf(metadata))).toThrow(message);
  });
});
