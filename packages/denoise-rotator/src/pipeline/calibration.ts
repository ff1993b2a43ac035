import { stat } from "node:fs/promises";
import { OptionError, Random } from "@denoise-rotator/core";
import type { PerplexityProtocol } from "@denoise-rotator/evaluators";
import { type Model, sampleWindows } from "@denoise-rotator/models";
import { protocolRows } from "../evaluation/protocol-rows.js";
import type { FetchOptions } from "./fetch-options.js";
import type { ResolvedOptions } from "./options.js";
import { tokensOf } from "./texts.js";

/** The texts of the pruning literature that `--calibration` names. */
const published: readonly Pick<PerplexityProtocol, "name" | "dataset">[] = [
  {
    name: "c4",
    dataset: {
      id: "allenai/c4",
      config: "en",
      split: "train",
      files: ["en/c4-train.00000-of-01024.json.gz"],
      column: "text",
    },
  },
  {
    name: "wikitext2",
    dataset: {
      id: "Salesforce/wikitext",
      config: "wikitext-2-raw-v1",
      split: "train",
      files: ["wikitext-2-raw-v1/train-00000-of-00001.parquet"],
      column: "text",
    },
  },
];

/** Documents that are kept to draw from, for each window. */
const documentsPerWindow = 64;

/**
 * The calibration windows of a run. `c4` and `wikitext2` are drawn as in the code published with SparseGPT and Wanda: C4's windows from the
 * first training file, each from a random document longer than a window, at a random place; WikiText-2's from random places of
 * the training rows joined by spaces. Their seed is 0 where none is given. All other names are texts, see `tokensOf`.
 *
 * @throws OptionError, DatasetError or HubError naming what is missing.
 */
export async function calibrationWindows(
  model: Model,
  options: Pick<ResolvedOptions, "calibration" | "calibrationData" | "samples" | "sequenceLength" | "seed">,
  hub: FetchOptions = {},
): Promise<Int32Array[]> {
  const { calibration, calibrationData, samples: count, sequenceLength: length, seed } = options;
  const text = published.find(({ name }) => name === calibration);
  if (!text || (await stat(calibration).catch(() => undefined))) {
    if (calibrationData !== null) {
      throw new OptionError(`--calibration-data: is for --calibration c4 and wikitext2, not ${calibration}`);
    }
    const stream = await tokensOf(model, calibration, "train", "--calibration");
    return sampleWindows(stream, { count, length, ...(seed === null ? {} : { seed }) });
  }
  const rows = protocolRows(text, calibrationData ?? undefined, hub, "--calibration-data");
  const draw = { count, length, seed: seed ?? 0 };
  return text.name === "c4" ? fromDocuments(model, rows, draw) : fromText(model, rows, draw);
}

interface Draw {
  readonly count: number;
  readonly length: number;
  readonly seed: number;
}

async function fromText(model: Model, rows: AsyncIterable<string>, draw: Draw): Promise<Int32Array[]> {
  const texts: string[] = [];
  for await (const row of rows) texts.push(row);
  const tokenizer = await model.tokenizer;
  return sampleWindows(tokenizer.encode(texts.join(" "), { addSpecialTokens: true }), draw);
}

async function fromDocuments(
  model: Model,
  rows: AsyncIterable<string>,
  { count, length, seed }: Draw,
): Promise<Int32Array[]> {
  const random = new Random(seed);
  const { kept, longEnough } = await reservoir(rows, count * documentsPerWindow, length, random);
  const tokenizer = await model.tokenizer;
  const tokens = kept.map((): Int32Array | undefined => undefined);
  const tooShort = new Set<number>();
  const windows: Int32Array[] = [];
  while (windows.length < count) {
    if (tooShort.size === kept.length) {
      throw new OptionError(
        `--calibration c4: none of ${longEnough} documents has more than ${length} tokens; choose a smaller --seqlen`,
      );
    }
    const index = random.integer(kept.length);
    tokens[index] ??= tokenizer.encode(kept[index]!, { addSpecialTokens: true });
    const document = tokens[index];
    if (document.length <= length) tooShort.add(index);
    else {
      const start = random.integer(document.length - length);
      windows.push(document.slice(start, start + length));
    }
  }
  return windows;
}

/**
 * `size` documents drawn uniformly from those that can be longer than `length` tokens, in one pass over all (Vitter's algorithm R); a token has a byte at
 * least.
 */
async function reservoir(rows: AsyncIterable<string>, size: number, length: number, random: Random) {
  const kept: string[] = [];
  let longEnough = 0;
  for await (const row of rows) {
    if (Buffer.byteLength(row) < length) continue;
    longEnough++;
    if (kept.length < size) kept.push(row);
    else {
      const place = random.integer(longEnough);
      if (place < size) kept[place] = row;
    }
  }
  return { kept, longEnough };
}
