import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { wasm } from "@denoise-rotator/backend-wasm";
import { median } from "@denoise-rotator/bench";
import { openModel, TextGenerator } from "@denoise-rotator/models";
import { engineVersions, type Machine, machine, versionOf } from "../machine.js";
import { sparseModel, writeSparseModel } from "../sparse-memory/write-sparse-model.js";
import { processorTime } from "./turns.js";

/** Work of a whole model: a prompt read at once, or tokens written one by one. */
interface ModelRow {
  readonly load: string;
  /** Milliseconds of processor time. */
  readonly denseMs: number;
  readonly packedMs: number;
  /** How many times as fast packed weights are, by medians. */
  readonly speedup: number;
}

export interface SparseModelResult {
  readonly suite: "sparse-model";
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly model: { readonly shape: string; readonly blocks: number; readonly vocabulary: number };
  readonly rounds: number;
  /** Of the weights of the blocks' linear layers where they lie. */
  readonly siteBytes: { readonly dense: number; readonly packed: number };
  readonly rows: readonly ModelRow[];
}

const decoded = 8;

/**
 * A model of SmolLM2-135M's shape in bf16, rotated block by block and pruned to 2:4, all weights in memory: packed against
 * dense in one process, taking turns, on one thread.
 */
export async function runSparseModel(
  quick: boolean,
  wantedRounds: number | undefined,
  progress: (line: string) => void,
): Promise<SparseModelResult> {
  const model = sparseModel(quick);
  const rounds = wantedRounds ?? (quick ? 2 : 7);
  const folder = mkdtempSync(join(tmpdir(), "denoise-rotator-sparse-model-"));
  try {
    const how = ["--rotate", "per-block", "--steps", "1", "--quality", "fast"];
    const pruned = await writeSparseModel(folder, model, how, { draws: 2 ** 20, progress });
    const ours = "@denoise-rotator/denoise-rotator";
    return {
      ...{ suite: "sparse-model", machine: machine(), model, rounds },
      versions: { ...engineVersions(), [ours]: versionOf(ours) },
      ...(await measure(pruned, rounds, progress)),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(directory: string, rounds: number, progress: (line: string) => void) {
  await using device = await wasm({ threads: 1 });
  await using plain = await openModel(directory, { device, sparse: false });
  await using sparse = await openModel(directory, { device, sparse: true });
  progress("loading it twice");
  using dense = await TextGenerator.load(plain, { capacity: 1024 });
  using packed = await TextGenerator.load(sparse, { capacity: 1024 });
  const rows: ModelRow[] = [];
  for (const tokens of [16, 64, 512]) {
    progress(`a prompt of ${tokens} tokens`);
    const [denseMs, packedMs] = await turns([dense, packed], rounds, (each) => readPrompt(each, tokens));
    rows.push({ load: `prompt, ${tokens} tokens`, ...compared(denseMs!, packedMs!) });
  }
  progress("decoding");
  const times = await turns([dense, packed], rounds, decode);
  rows.push({ load: "one token after 64", ...compared(times[0]! / decoded, times[1]! / decoded) });
  return { rows, siteBytes: { dense: dense.siteBytes, packed: packed.siteBytes } };
}

const compared = (denseMs: number, packedMs: number) => ({ denseMs, packedMs, speedup: denseMs / packedMs });

const promptOf = (generator: TextGenerator, tokens: number) =>
  Int32Array.from({ length: tokens }, (_, i) => (37 * i) % generator.model.vocabularySize);

/** Milliseconds until the logits of the token after a prompt are there. */
async function readPrompt(generator: TextGenerator, tokens: number): Promise<number> {
  using sequence = generator.start(tokens);
  const start = processorTime();
  await sequence.append(promptOf(generator, tokens));
  return processorTime() - start;
}

async function decode(generator: TextGenerator): Promise<number> {
  using sequence = generator.start(64 + decoded);
  await sequence.append(promptOf(generator, 64));
  const start = processorTime();
  for (let i = 0; i < decoded; i++) await sequence.append(Int32Array.of(i));
  return processorTime() - start;
}

/** Medians of each, in turns, the order reversed every other round; the first round does not count. */
async function turns<T>(contenders: readonly T[], rounds: number, run: (contender: T) => Promise<number>) {
  const samples = contenders.map((): number[] => []);
  for (let round = 0; round <= rounds; round++) {
    const order = [...contenders.keys()];
    for (const index of round % 2 === 0 ? order : order.toReversed()) {
      const time = await run(contenders[index]!);
      if (round > 0) samples[index]!.push(time);
    }
  }
  return samples.map(median);
}

export function sparseModelReport({ rows, siteBytes, model, rounds, versions }: SparseModelResult): string {
  const mebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(0);
  return [
    `${model.shape}, ${model.blocks} blocks, vocabulary ${model.vocabulary}, rotated, bf16 on disk; Node ${versions.node}, one thread, medians of ${rounds};`,
    `weights of the linear layers ${mebibytes(siteBytes.dense)} MiB dense, ${mebibytes(siteBytes.packed)} MiB packed`,
    "",
    "| load | dense, ms | packed, ms | speed-up |",
    "| --- | ---: | ---: | ---: |",
    ...rows.map(
      ({ load, denseMs, packedMs, speedup }) =>
        `| ${load} | ${denseMs.toFixed(1)} | ${packedMs.toFixed(1)} | ${speedup.toFixed(2)}× |`,
    ),
  ].join("\n");
}
