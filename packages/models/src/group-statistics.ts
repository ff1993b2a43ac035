import type { SiteStatistics } from "@denoise-rotator/contracts";
import { breathe, gram } from "@denoise-rotator/core";
import type { Activations } from "./activations.js";
import { type BlockParts, type GroupInput, groupInputs } from "./block-forward.js";
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
export async function groupStatistics(
  wanted: readonly number[],
  stream: Stream,
  dense: Stream | undefined,
  tables: RopeTables,
  signal?: AbortSignal,
): Promise<Map<number, SiteStatistics>> {
  const sums = new Map(wanted.map((group) => [group, new GroupSums()]));
  try {
    for (let batch = 0; batch < stream.activations.batchCount; batch++) {
      signal?.throwIfAborted();
      const inputs = batchInputs(stream, batch, tables, wanted);
      const denseInputs = dense && batchInputs(dense, batch, tables, wanted);
      for (const [group, sum] of sums) sum.add(inputs.get(group)!, denseInputs?.get(group));
      await breathe();
    }
    return new Map([...sums].map(([group, sum]) => [group, sum.take(stream.activations.tokens)]));
  } finally {
    for (const sum of sums.values()) sum.dispose();
  }
}

function batchInputs(
  { parts, activations }: Stream,
  batch: number,
  tables: RopeTables,
  wanted: readonly number[],
): Map<number, GroupInput> {
  using x = activations.upload(batch, tables.cosine.backend);
  return groupInputs(parts, x, tables, wanted);
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
