import { join } from "node:path";
import { blockShapes } from "@denoise-rotator/bench";
import { executeWith } from "../cli/denoise-rotator.js";
import { type RandomCheckpoint, writeRandomCheckpoint } from "../prune/random-checkpoint.js";

/** A model of random weights. */
export interface SparseModel {
  readonly shape: keyof typeof blockShapes;
  readonly blocks: number;
  readonly vocabulary: number;
}

/** 30 blocks and SmolLM2's vocabulary, or a small part of it. */
export const smollm2Model = (quick: boolean): SparseModel => ({
  shape: "smollm2-135m",
  blocks: quick ? 2 : 30,
  vocabulary: quick ? 1024 : 49152,
});

/**
 * Half the blocks of Llama-3.2-1B and its vocabulary, or a small part of it: all sixteen take more in f32 than the 4 GiB that a
 * WebAssembly memory holds.
 */
export const llama1BModel = (quick: boolean): SparseModel => ({
  shape: "llama-1b",
  blocks: quick ? 1 : 8,
  vocabulary: quick ? 1024 : 128256,
});

/** Writes random weights and prunes them by magnitude to 2:4; gives the directory of the pruned ones. `how`: further flags. */
export async function writeSparseModel(
  folder: string,
  model: SparseModel,
  how: readonly string[],
  { draws, progress }: Pick<RandomCheckpoint, "draws"> & { readonly progress: (line: string) => void },
): Promise<string> {
  const [dense, pruned] = [join(folder, "dense"), join(folder, "plain")];
  progress("writing a random checkpoint");
  const shape = blockShapes[model.shape];
  const size = { ...model, shape, contextLength: 2048, ...(draws === undefined ? {} : { draws }) };
  await writeRandomCheckpoint(dense, size);
  progress("pruning it");
  const flags = ["--pruner", "magnitude", ...how, "--samples", "1", "--seqlen", "8", "--json"];
  await executeWith([], ["prune", dense, ...flags, "--out", pruned]);
  return pruned;
}
