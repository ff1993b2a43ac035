import { Site } from "@denoise-rotator/contracts";
import type { Activations } from "./activations.js";
import { LoadedBlock } from "./loaded-block.js";
import { readBlock } from "./read-block.js";
import { loadTensor, type WeightSource } from "./weight-source.js";

export interface LoadBlockOptions {
  /** Calibration inputs, for `capture` and `sampleOutputs`. */
  readonly inputs?: Activations | undefined;
  /** What the dense model's block reads for the same tokens, for `trackDense`. */
  readonly denseInputs?: Activations | undefined;
  /** Checked between batches of `capture`. */
  readonly signal?: AbortSignal | undefined;
  /** Inputs of a site above which its statistics are summed in passes of their own, to hold less; default 8192. */
  readonly largeInputs?: number | undefined;
}

/** Reads the weights of block `index`; the caller disposes of it. On an error nothing stays on the device. */
export async function loadBlock(
  source: WeightSource,
  index: number,
  options: LoadBlockOptions = {},
): Promise<LoadedBlock> {
  const { config, device, sparse } = source;
  const { name, ...read } = await readBlock(source, index, (weight) => loadTensor(source, weight));
  const tensors = { ...read, sites: read.sites.map((site) => new Site(site)) };
  return new LoadedBlock({ name, index, config, device, sparse, tensors, ...options });
}
