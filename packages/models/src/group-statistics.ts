import type { SiteStatistics } from "@denoise-rotator/contracts";
import { assertFinite, breathe, gram, type Tensor } from "@denoise-rotator/core";
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

/** The groups by passes over the calibration inputs: one, but that large H take turns, so that memory holds the sums of one. */
export function passesOf(groups: readonly number[], isLarge: (group: number) => boolean): number[][] {
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

type Inputs = ReadonlyMap<number, GroupInput>;
export type See = (parts: BlockParts, x: Tensor) => Inputs;

/** What `see` gives of each batch of both streams, which `body` owns. */
export async function eachBatch(
  { stream, dense, tables, signal }: Streams,
  see: See,
  body: (inputs: Inputs, denseInputs: Inputs | undefined) => void,
): Promise<void> {
  const seen = ({ parts, activations }: Stream, batch: number) => {
    using x = activations.upload(batch, tables.cosine.backend);
    return see(parts, x);
  };
  for (let batch = 0; batch < stream.activations.batchCount; batch++) {
    signal?.throwIfAborted();
    const inputs = seen(stream, batch);
    body(inputs, dense && seen(dense, batch));
    await breathe();
  }
}

/** Sums, by key, what `see` gives of each batch of both streams. */
async function gather(
  keys: readonly number[],
  streams: Streams,
  see: See,
): Promise<Map<number, SiteStatistics>> {
  const { stream } = streams;
  const sums = new Map(keys.map((key) => [key, new GroupSums()]));
  try {
    await eachBatch(streams, see, (inputs, denseInputs) => {
      for (const [key, sum] of sums) sum.add(inputs.get(key)!, denseInputs?.get(key));
    });
    return new Map([...sums].map(([key, sum]) => [key, sum.take(stream.activations.tokens)]));
  } finally {
    for (const sum of sums.values()) sum.dispose();
  }
}

export function releaseInputs(...inputs: readonly (GroupInput | undefined)[]): void {
  for (const input of inputs) {
    input?.rows.dispose();
    input?.residual?.dispose();
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
      releaseInputs(input, dense);
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

/** Throws NonFiniteError naming what of the site's statistics holds NaN or infinity. */
export async function assertFiniteStatistics({ gram, drift }: SiteStatistics, name: string): Promise<void> {
  await assertFinite(gram, `${name}: H`);
  if (!drift) return;
  if ("outputs" in drift) return assertFinite(drift.outputs, `${name}: the drift of its outputs`);
  await assertFinite(drift.inputs, `${name}: the drift of its inputs from the dense model's`);
  if (drift.residual) await assertFinite(drift.residual, `${name}: the drift of the residual stream`);
}
