import type { SiteStatistics } from "@denoise-rotator/contracts";
import { breathe, gram, type Tensor } from "@denoise-rotator/core";
import type { Activations } from "./activations.js";
import { type BlockParts, type GroupInput, groupInputs, outputRows } from "./block-forward.js";
import { MatrixSum } from "./matrix-sum.js";
import type { RopeTables } from "./rope-tables.js";

/** Activations and the block they pass. */
export interface Stream {
  readonly parts: BlockParts;
  readonly activations: Activations;
}

/**
 * Statistics of the wanted groups over all windows, running no more of the block than they need; with `dense`, the
 * drift from that stream too. The caller owns them.
 */
export function groupStatistics(
  wanted: readonly number[],
  streams: Streams,
): Promise<Map<number, SiteStatistics>> {
  return gather(wanted, streams, (parts, x) => groupInputs(parts, x, streams.tables, wanted));
}

/** Elements of an H that is summed in a pass of its own. */
const ownPassElements = 2 ** 26;

/** The groups by passes over the calibration inputs: one, but that large H take turns, so that memory holds the sums of one. */
export function passesOf(groups: readonly number[], inputsOf: (group: number) => number): number[][] {
  const isLarge = (group: number) => inputsOf(group) ** 2 > ownPassElements;
  const small = groups.filter((group) => !isLarge(group));
  const large = groups.filter(isLarge).map((group) => [group]);
  return small.length > 0 ? [small, ...large] : large;
}

/** Statistics of the block's outputs; of their normalised form where `normalised`. The caller owns them. */
export async function outputStatistics(normalised: boolean, streams: Streams): Promise<SiteStatistics> {
  const outputs = await gather([0], streams, (parts, x) => {
    const rows = outputRows(parts, x, streams.tables, normalised);
    return new Map([[0, { rows, residual: undefined }]]);
  });
  return outputs.get(0)!;
}

/** Two streams through one block. */
export interface Streams {
  readonly stream: Stream;
  readonly dense: Stream | undefined;
  readonly tables: RopeTables;
  readonly signal?: AbortSignal | undefined;
}

/** Sums, by key, what `see` gives of each batch of both streams. */
async function gather(
  keys: readonly number[],
  { stream, dense, tables, signal }: Streams,
  see: (parts: BlockParts, x: Tensor) => Map<number, GroupInput>,
): Promise<Map<number, SiteStatistics>> {
  const sums = new Map(keys.map((key) => [key, new GroupSums()]));
  const seen = ({ parts, activations }: Stream, batch: number) => {
    using x = activations.upload(batch, tables.cosine.backend);
    return see(parts, x);
  };
  try {
    for (let batch = 0; batch < stream.activations.batchCount; batch++) {
      signal?.throwIfAborted();
      const inputs = seen(stream, batch);
      const denseInputs = dense && seen(dense, batch);
      for (const [key, sum] of sums) sum.add(inputs.get(key)!, denseInputs?.get(key));
      await breathe();
    }
    return new Map([...sums].map(([key, sum]) => [key, sum.take(stream.activations.tokens)]));
  } finally {
    for (const sum of sums.values()) sum.dispose();
  }
}

/** What is summed for one group. */
class GroupSums {
  readonly #gram = new MatrixSum();
  readonly #inputs = new MatrixSum();
  readonly #residual = new MatrixSum();

  /** Takes ownership of both. */
  add(input: GroupInput, dense?: GroupInput): void {
    try {
      this.#gram.add(() => gram(input.rows));
      if (!dense) return;
      this.#inputs.add(() => dense.rows.sub(input.rows).transpose().matmul(input.rows));
      const [residual, denseResidual] = [input.residual, dense.residual];
      if (!residual || !denseResidual) return;
      this.#residual.add(() => denseResidual.sub(residual).transpose().matmul(input.rows));
    } finally {
      for (const x of [input.rows, input.residual, dense?.rows, dense?.residual]) x?.dispose();
    }
  }

  take(tokens: number): SiteStatistics {
    const sum = this.#gram.take()!;
    const inputs = this.#inputs.take();
    if (!inputs) return { gram: sum, tokens };
    return { gram: sum, tokens, drift: { inputs, residual: this.#residual.take() } };
  }

  dispose(): void {
    for (const sum of [this.#gram, this.#inputs, this.#residual]) sum.dispose();
  }
}
