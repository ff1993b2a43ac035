import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { blockShapes, weightShapes } from "@denoise-rotator/bench";
import { executeWith } from "../cli/denoise-rotator.js";
import { engineVersions, type Machine, machine, versionOf } from "../machine.js";
import type { LoadedWeights } from "../sparse-memory/load-weights.js";
import { smollm2Model, writeSparseModel } from "../sparse-memory/write-sparse-model.js";

interface MemoryRow {
  /** How the weights are stored, and how they are kept. */
  readonly stored: "plain" | "packed";
  readonly kept: "packed" | "dense";
  /** Of the files of weights. */
  readonly fileBytes: number;
  readonly siteBytes: number;
  readonly residentBytes: number;
  readonly peakBytes: number;
  /** Largest difference of the logits from those of the dense weights, relative to the largest logit. */
  readonly error: number;
}

export interface SparseMemoryResult {
  readonly suite: "sparse-memory";
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly model: { readonly shape: string; readonly blocks: number; readonly vocabulary: number };
  /** Weights of the linear layers of the blocks. */
  readonly siteWeights: number;
  readonly rows: readonly MemoryRow[];
}

const loader = fileURLToPath(new URL("../sparse-memory/load-weights.ts", import.meta.url));

/** What a model of SmolLM2-135M's shape in 2:4 takes on disk and in memory, each in a process of its own. */
export async function runSparseMemory(
  quick: boolean,
  progress: (line: string) => void,
): Promise<SparseMemoryResult> {
  const model = smollm2Model(quick);
  const folder = mkdtempSync(join(tmpdir(), "denoise-rotator-sparse-memory-"));
  const at = (name: string) => join(folder, name);
  try {
    await writeSparseModel(folder, model, ["--rotate", "none"], { progress });
    await executeWith([], ["pack", at("plain"), "--out", at("packed")]);
    const rows: MemoryRow[] = [];
    let expected: readonly number[] | undefined;
    for (const [stored, kept] of [
      ["plain", "dense"],
      ["plain", "packed"],
      ["packed", "packed"],
    ] as const) {
      progress(`loading ${stored} weights, kept ${kept}`);
      const { logits, ...found } = load(at(stored), kept);
      expected ??= logits;
      rows.push({
        stored,
        kept,
        fileBytes: fileBytes(at(stored)),
        ...found,
        error: relative(logits, expected),
      });
    }
    const block = weightShapes(blockShapes[model.shape]).reduce(
      (sum, [out, inputs]) => sum + out * inputs,
      0,
    );
    const ours = "@denoise-rotator/denoise-rotator";
    return {
      ...{ suite: "sparse-memory", machine: machine(), model, rows },
      versions: { ...engineVersions(), [ours]: versionOf(ours) },
      siteWeights: model.blocks * block,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function sparseMemoryReport({ rows, siteWeights, model }: SparseMemoryResult): string {
  const mebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(0);
  const lines = rows.map((row) => {
    const each = row.siteBytes / siteWeights;
    const share = `${((100 * each) / 2).toFixed(1)} %`;
    const figures = [row.fileBytes, row.siteBytes, row.residentBytes, row.peakBytes].map(mebibytes);
    return `| ${[row.stored, row.kept, ...figures, each.toFixed(3), share, row.error.toExponential(1)].join(" | ")} |`;
  });
  return [
    `${model.shape}, ${model.blocks} blocks, vocabulary ${model.vocabulary}; MiB; bytes a weight of the blocks' linear layers`,
    "",
    "| stored | kept | file | layers | resident | peak | bytes a weight | of dense bf16 | error of logits |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ...lines,
  ].join("\n");
}

function load(directory: string, kept: string): LoadedWeights {
  const flags = ["--expose-gc", "--import", import.meta.resolve("tsx"), loader, directory, kept];
  const { status, stdout, stderr } = spawnSync(process.execPath, flags, {
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  if (status !== 0) throw new Error(`loading ${directory} failed\n${stderr}`);
  return JSON.parse(stdout) as LoadedWeights;
}

const fileBytes = (directory: string): number =>
  readdirSync(directory)
    .filter((file) => file.endsWith(".safetensors"))
    .reduce((sum, file) => sum + statSync(join(directory, file)).size, 0);

function relative(values: readonly number[], expected: readonly number[]): number {
  const largest = Math.max(...expected.map(Math.abs));
  return Math.max(...values.map((value, i) => Math.abs(value - expected[i]!))) / largest;
}
