import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { createCpuBackend } from "@denoise-rotator/core";
import { type Model, openModel } from "@denoise-rotator/models";
import { modelDirectory } from "@denoise-rotator/tiny-llama";
import { afterAll, beforeAll, expect, it } from "vitest";
import { calibrationWindows } from "../src/pipeline/calibration.js";

let folder: string;
let model: Model;
/** Documents whose words tell which they are; every other one is shorter than a window. */
const documents = Array.from({ length: 40 }, (_, i) => `${i} `.repeat(i % 2 === 0 ? 120 : 4).trim());
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "calibration-"));
  model = await openModel(modelDirectory, { device: createCpuBackend() });
  const lines = documents.map((text) => JSON.stringify({ text })).join("\n");
  await mkdir(join(folder, "c4/en"), { recursive: true });
  await writeFile(join(folder, "c4/en/c4-train.00000-of-01024.json.gz"), gzipSync(lines));
  await mkdir(join(folder, "wikitext2"));
  await writeFile(join(folder, "wikitext2/train.jsonl"), lines);
});
afterAll(async () => {
  await model[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const windowsOf = (
  calibration: string,
  seed: number | null,
  sequenceLength = 50,
  calibrationData: string | null = folder,
) => calibrationWindows(model, { calibration, calibrationData, samples: 30, sequenceLength, seed });

it("should draw C4 from documents longer than a window, the same for one seed", async () => {
  const windows = await windowsOf("c4", 7);
  const tokenizer = await model.tokenizer;
  const seen = windows.map((window) => {
    expect(window).toHaveLength(50);
    const numbers = [
      ...new Set(
        tokenizer
          .decode(window)
          .match(/\d+(?= )/g)!
          .slice(1),
      ),
    ];
    expect(numbers).toHaveLength(1); // of one document
    return Number(numbers[0]);
  });
  expect(seen.every((index) => index % 2 === 0)).toBe(true);
  expect(new Set(seen).size).toBeGreaterThan(8);
  expect(await windowsOf("c4", 7)).toEqual(windows);
  expect(await windowsOf("c4", 8)).not.toEqual(windows);
  expect(await windowsOf("c4", null)).toEqual(await windowsOf("c4", 0));
});

it("should draw WikiText-2 from the training rows joined by spaces", async () => {
  const tokens = (await model.tokenizer).encode(documents.join(" "), { addSpecialTokens: true });
  const text = ` ${tokens.join(" ")} `;
  for (const window of await windowsOf("wikitext2", 1)) expect(text).toContain(` ${window.join(" ")} `);
});

it("should say what is missing", async () => {
  await expect(windowsOf("c4", 0, 350)).rejects.toThrow(
    /none of \d+ documents has more than 350 tokens; choose a smaller --seqlen/,
  );
  await expect(windowsOf("embedded", 0)).rejects.toThrow(
    /--calibration-data: is for --calibration c4 and wikitext2, not embedded/,
  );
  await expect(windowsOf("c4", 0, 50, join(folder, "none"))).rejects.toThrow(
    /--calibration-data .*none: no such file or folder/,
  );
});
