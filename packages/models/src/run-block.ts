import { type Backend, breathe } from "@denoise-rotator/core";
import { type Activations, readFloats } from "./activations.js";
import { type BlockParts, forwardBlock } from "./block-forward.js";
import type { RopeTables } from "./rope-tables.js";

export interface BlockRun {
  /** What errors call the block. */
  readonly name: string;
  readonly parts: BlockParts;
  readonly tables: RopeTables;
  readonly device: Backend;
  readonly signal: AbortSignal | undefined;
}

/** Replaces activations by a block's outputs, batch by batch. Throws NonFiniteError naming block and window. */
export async function runBlock(activations: Activations, run: BlockRun): Promise<void> {
  for (let batch = 0; batch < activations.batchCount; batch++) {
    run.signal?.throwIfAborted();
    using x = activations.upload(batch, run.device);
    using y = forwardBlock(run.parts, x, run.tables);
    activations.replace(batch, await readFloats(y), run.name);
    await breathe();
  }
}
