import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";
import { Tokenizer as Library } from "@huggingface/tokenizers";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { openTokenizer, Tokenizer } from "../src/index.js";
import { temporaryFolder } from "./support.js";

const data = fileURLToPath(new URL("../../tiny-llama/data/", import.meta.url));
let json: Record<string, unknown>;
let library: Library;
let tokenizer: Tokenizer;

beforeAll(async () => {
  json = JSON.parse(await readFile(join(data, "tokenizer.json"), "utf8")) as Record<string, unknown>;
  library = new Library(json, {});
  tokenizer = await openTokenizer(data);
});

const text = fc.array(
  fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.constantFrom("the ", "Congress", "\n\n", "  ", "1850", "—", "<|eot|>"),
  ),
  { maxLength: 12 },
);

describe("Tokenizer", () => {
  it("should give the library's ids, with and without added tokens in the text", () => {
    fc.assert(
      fc.property(text, (parts) => {
        const joined = parts.join("");
        expect([...tokenizer.encode(joined)]).toEqual(library.encode(joined).ids);
      }),
      { numRuns: 500 },
    );
  });

  it("should decode what it encoded", () => {
    fc.assert(
      fc.property(text, (parts) => {
        const joined = parts.join("");
        expect(tokenizer.decode(tokenizer.encode(joined))).toBe(joined);
      }),
      { numRuns: 300 },
    );
  });

  it("should give as many tokens of the embedded texts as the Python tokenizer, in seconds", async () => {
    const { windows } = JSON.parse(await readFile(join(data, "reference.json"), "utf8"));
    for (const [file, expected] of [
      ["train.txt.br", windows.trainTokens],
      ["test.txt.br", windows.testTokens],
    ] as const) {
      const texts = brotliDecompressSync(await readFile(join(data, file)))
        .toString("utf8")
        .split("\0");
      const start = performance.now();
      // The embedded model's stream has one token before each document.
      expect(texts.reduce((total, part) => total + 1 + tokenizer.encode(part).length, 0)).toBe(expected);
      expect(performance.now() - start).toBeLessThan(20_000);
    }
  });

  it("should know its tokens", () => {
    expect([tokenizer.size, tokenizer.tokenId("<|eot|>"), tokenizer.token(0)]).toEqual([1024, 0, "<|eot|>"]);
    expect(tokenizer.tokenId("no such token")).toBeUndefined();
    expect(tokenizer.bosId).toBeUndefined();
    expect(tokenizer.decode([0, 66], { skipSpecialTokens: true })).toBe("A");
    expect(() => tokenizer.decode([1024])).toThrow("no token of id 1024");
  });

  it("should add the post-processor's tokens when asked to", () => {
    const special = { "<|eot|>": { id: "<|eot|>", ids: [0], tokens: ["<|eot|>"] } };
    const single = [{ SpecialToken: { id: "<|eot|>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }];
    const post_processor = { type: "TemplateProcessing", single, pair: [], special_tokens: special };
    const withBos = new Tokenizer({ ...json, post_processor }, { bos_token: { content: "<|eot|>" } });
    expect([...withBos.encode("A", { addSpecialTokens: true })]).toEqual([0, 66]);
    expect([...withBos.encode("", { addSpecialTokens: true })]).toEqual([0]);
    expect([...withBos.encode("A")]).toEqual([66]);
    expect(withBos.bosId).toBe(0);
  });

  it("should take megabytes without a space in seconds", () => {
    const length = 1_000_000;
    expect(tokenizer.decode(tokenizer.encode("x1".repeat(length / 2)))).toHaveLength(length);
  });

  it("should name a file that is missing or unusable", async () => {
    const folder = await temporaryFolder();
    await expect(openTokenizer(folder)).rejects.toMatchObject({ code: "NOT_FOUND" });
    for (const [content, code] of [
      ["{", "MALFORMED"],
      ["{}", "TOKENIZER"],
      ['{"model":{"type":"Unknown"}}', "TOKENIZER"],
    ] as const) {
      await writeFile(join(folder, "tokenizer.json"), content);
      const message = expect.stringContaining(join(folder, "tokenizer.json"));
      await expect(openTokenizer(folder)).rejects.toMatchObject({ code, message });
    }
  });
});
