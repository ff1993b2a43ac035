import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { wasm } from "@denoise-rotator/backend-wasm";
import type { Backend } from "@denoise-rotator/core";
import {
  documentsOf,
  findProtocol,
  type ProtocolResult,
  protocolEvaluator,
  type Subject,
  textPerplexity,
  textStream,
} from "@denoise-rotator/evaluators";
import { type Model, openModel } from "@denoise-rotator/models";
import { modelDirectory } from "@denoise-rotator/tiny-llama";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { protocolRows } from "../src/evaluation/protocol-rows.js";
import { subjectOf } from "../src/evaluation/subject.js";

const folder = fileURLToPath(new URL("../../../goldens/protocols/", import.meta.url));
const data = `${folder}data`;

interface Run {
  readonly tokens: number;
  readonly sha256: string;
  readonly windows: readonly number[];
  readonly perplexity: number;
}
const golden: {
  readonly seqlen: Readonly<Record<string, number>>;
  readonly runs: Readonly<Record<"plain" | "beginning", Readonly<Record<string, Run>>>>;
  readonly sliding: { length: number; stride: number; windows: number[]; tokens: number; perplexity: number };
} = JSON.parse(readFileSync(`${folder}golden.json`, "utf8"));

let device: Backend;
let model: Model;
beforeAll(async () => {
  device = await wasm();
  model = await openModel(modelDirectory, { device });
});
afterAll(async () => {
  await model[Symbol.asyncDispose]();
  await device.dispose();
});

/** The embedded tokenizer, as it is or with a token at the beginning of every text. */
async function subject(run: "plain" | "beginning"): Promise<Subject> {
  const plain = await subjectOf(model);
  if (run === "plain") return plain;
  const { tokenizer } = plain;
  const encode: Subject["tokenizer"]["encode"] = (text, options) => {
    const ids = tokenizer.encode(text);
    return options?.addSpecialTokens ? Int32Array.of(plain.prefixToken, ...ids) : ids;
  };
  return { ...plain, tokenizer: { encode, decode: (ids) => tokenizer.decode(ids) } };
}

const rowsOf = (name: string) => protocolRows(findProtocol(name)!, data, {});
async function streamOf(name: string, run: "plain" | "beginning") {
  const rows: string[] = [];
  for await (const row of rowsOf(name)) rows.push(row);
  return textStream((await subject(run)).tokenizer, documentsOf(rows, findProtocol(name)!), "text");
}

describe("protocols", () => {
  it.each([
    ["wikitext2", "plain"],
    ["c4", "plain"],
    ["ptb", "plain"],
    ["ptb", "beginning"],
  ] as const)("%s should be what the published code computes in PyTorch, tokenizer %s", async (name, run) => {
    const expected = golden.runs[run][name]!;
    const { tokens } = await streamOf(name, run);
    const used = tokens.subarray(0, expected.tokens);
    expect(
      createHash("sha256")
        .update(new Uint8Array(used.buffer, 0, used.byteLength))
        .digest("hex"),
    ).toBe(expected.sha256);
    const windowLength = golden.seqlen[name]!;
    const evaluator = protocolEvaluator(findProtocol(name)!, { rows: () => rowsOf(name), windowLength });
    const result = (await evaluator.evaluate(await subject(run), {
      source: { rows: () => rowsOf(name) as never },
      samples: true,
    })) as ProtocolResult;
    expect(result.rows).toBe(expected.windows.length);
    const means = result.samples!.map(({ values }) => -values.perplexity!);
    for (const [i, mean] of means.entries()) expect(mean).toBeCloseTo(expected.windows[i]!, 3);
    expect(result.metrics.perplexity!.value / expected.perplexity).toBeCloseTo(1, 4);
    expect(result.metrics.perplexity!.standardError).toBeGreaterThan(0);
    expect(result.text.droppedTokens).toBe(tokens.length - result.rows * windowLength);
  });
});

it("sliding windows should be those of PyTorch, each token once", async () => {
  const { length, stride, windows, tokens, perplexity } = golden.sliding;
  const result = await textPerplexity(model, await streamOf("ptb", "plain"), {
    windowLength: length,
    stride,
  });
  expect(result.tokens).toBe(tokens);
  expect(result.perplexity / perplexity).toBeCloseTo(1, 4);
  for (const [i, mean] of result.windowValues.entries()) expect(mean).toBeCloseTo(windows[i]!, 3);
});
