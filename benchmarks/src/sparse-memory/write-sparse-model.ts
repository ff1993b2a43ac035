import { join } from "node:path";
import { blockShapes } from "@denoise-rotator/bench";
import { executeWith } from "../cli/denoise-rotator.js";
import { type RandomCheckpoint, writeRandomCheckpoint } from "../prune/random-checkpoint.js";

/** What is made: 30 blocks and SmolLM2's vocabulary, or a small part of it. */
export const sparseModel = (quick: boolean) => ({
  shape: "smollm2-135m" as const,
  blocks: quick ? 2 : 30,
  vocabulary: quick ? 1024 : 49152,
});

/** Writes random weights and prunes them by magnitude to 2:4; gives the directory of the pruned ones. `how`: further flags. */
export async function writeSparseModel(
  folder: string,
  model: ReturnType<typeof sparseModel>,
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
