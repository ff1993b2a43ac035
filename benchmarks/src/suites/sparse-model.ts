import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { wasm } from "@denoise-rotator/backend-wasm";
import { median } from "@denoise-rotator/bench";
import { openModel, TextGenerator } from "@denoise-rotator/models";
import { engineVersions, type Machine, machine, versionOf } from "../machine.js";
import {
  llama1BModel,
  type SparseModel,
  smollm2Model,
  writeSparseModel,
} from "../sparse-memory/write-sparse-model.js";
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

export interface MeasuredModel {
  readonly model: SparseModel;
  /** Of the weights of the blocks' linear layers where they lie. */
  readonly siteBytes: { readonly dense: number; readonly packed: number };
  readonly rows: readonly ModelRow[];
}

export interface SparseModelResult {
  readonly suite: "sparse-model";
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly rounds: number;
  readonly models: readonly MeasuredModel[];
}

export interface SparseModelOptions {
  readonly quick: boolean;
  /** Llama-3.2-1B's shape too. */
  readonly full: boolean;
  /** Which shapes. */
  readonly only?: RegExp | undefined;
  readonly rounds?: number | undefined;
  readonly progress: (line: string) => void;
}

const decoded = 8;

/**
 * Whole models of real shapes in bf16, rotated block by block and pruned to 2:4, all weights in memory: packed against dense
 * in one process, taking turns, on one thread.
 */
export async function runSparseModel(options: SparseModelOptions): Promise<SparseModelResult> {
  const { quick, full, only, rounds = quick ? 2 : 7 } = options;
  const all = [smollm2Model(quick), ...(full ? [llama1BModel(quick)] : [])];
  const models: MeasuredModel[] = [];
  for (const model of all.filter(({ shape }) => only?.test(shape) ?? true)) {
    models.push(await runModel(model, rounds, options.progress));
  }
  const ours = "@denoise-rotator/denoise-rotator";
  return {
    ...{ suite: "sparse-model", machine: machine(), models, rounds },
    versions: { ...engineVersions(), [ours]: versionOf(ours) },
  };
}

async function runModel(
  model: SparseModel,
  rounds: number,
  progress: (line: string) => void,
): Promise<MeasuredModel> {
  const folder = mkdtempSync(join(tmpdir(), "denoise-rotator-sparse-model-"));
  try {
    const how = ["--rotate", "per-block", "--steps", "1", "--quality", "fast"];
    const report = (line: string) => progress(`${model.shape}: ${line}`);
    const pruned = await writeSparseModel(folder, model, how, { draws: 2 ** 20, progress: report });
    return { model, ...(await measure(pruned, rounds, report)) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(directory: string, rounds: number, progress: (line: string) => void) {
  // A memory each: both may not fit one.
  await using plainDevice = await wasm({ threads: 1 });
  await using sparseDevice = await wasm({ threads: 1 });
  await using plain = await openModel(directory, { device: plainDevice, sparse: false });
  await using sparse = await openModel(directory, { device: sparseDevice, sparse: true });
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
