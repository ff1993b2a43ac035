import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import { beforeAll, describe, expect, it } from "vitest";
import {
  documents,
  type Encode,
  modelDirectory,
  referenceFile,
  spacedWindows,
  stridedWindows,
  tokenStream,
} from "../src/index.js";

/** The tokenizer's own pattern cuts the text; each distinct piece is encoded once. */
async function referenceEncoder(): Promise<Encode> {
  const json = JSON.parse(await readFile(join(modelDirectory, "tokenizer.json"), "utf8"));
  const pattern = new RegExp(json.pre_tokenizer.pretokenizers[0].pattern.Regex, "gu");
  const library = new Tokenizer(json, {});
  const known = new Map<string, number[]>();
  return (text) =>
    (text.match(pattern) ?? []).flatMap((piece) => {
      const ids = known.get(piece) ?? library.encode(piece).ids;
      known.set(piece, ids);
      return ids;
    });
}

interface Reference {
  windows: { calibSum: number; evalSum: number; trainTokens: number; testTokens: number };
}

const sum = (windows: readonly Int32Array[]) => windows.reduce((t, w) => w.reduce((s, id) => s + id, t), 0);

describe("the protocol of the embedded model", () => {
  let expected: Reference["windows"];
  let train: Int32Array;
  let test: Int32Array;

  beforeAll(async () => {
    expected = (JSON.parse(await readFile(referenceFile, "utf8")) as Reference).windows;
    const encode = await referenceEncoder();
    train = await tokenStream("train", encode);
    test = await tokenStream("test", encode);
  });

  it("should give the token streams that the reference has", () => {
    expect(train.length).toBe(expected.trainTokens);
    expect(test.length).toBe(expected.testTokens);
  });

  it("should draw the windows that the reference has", () => {
    const calibration = spacedWindows(train, 64);
    const held = stridedWindows(test, 4);
    expect([calibration.length, held.length]).toEqual([64, 360]);
    expect(sum(calibration)).toBe(expected.calibSum);
    expect(sum(held)).toBe(expected.evalSum);
  });
});

describe("documents", () => {
  it("should be trimmed, not empty, and of the stated number", async () => {
    for (const [split, count] of [
      ["train", 331],
      ["test", 37],
    ] as const) {
      const texts = await documents(split);
      expect(texts).toHaveLength(count);
      for (const text of texts) expect(text.length > 0 && text === text.trim()).toBe(true);
    }
  });

  it("should hold no document in both splits", async () => {
    const train = new Set(await documents("train"));
    expect((await documents("test")).filter((text) => train.has(text))).toEqual([]);
  });
});

describe("windows", () => {
  const stream = Int32Array.from({ length: 1000 }, (_, i) => i);

  it("should span the stream from its first to its last token", () => {
    const windows = spacedWindows(stream, 5, 100);
    expect(windows.map((w) => w[0])).toEqual([0, 225, 450, 675, 900]);
    expect(windows.at(-1)!.at(-1)).toBe(999);
  });

  it("should drop the remainder", () => {
    expect(stridedWindows(stream, 2, 300).map((w) => w[0])).toEqual([0, 600]);
  });

  it("should refuse a text shorter than a window", () => {
    expect(() => spacedWindows(stream, 2, 1001)).toThrow("1000 tokens");
  });
});
