import type { SiteStatistics } from "@denoise-rotator/contracts";
import { type Tensor, tidy } from "@denoise-rotator/core";
import { BandedGram } from "./banded-gram.js";
import { type GroupInput, groupInputs, type Layer, linear } from "./block-forward.js";
import { eachBatch, releaseInputs, type See, type Streams } from "./group-statistics.js";
import { MatrixSum } from "./matrix-sum.js";

/** Inputs of a site above which its H is large, unless said otherwise. */
export const defaultLargeInputs = 2 ** 13;

/**
 * Statistics of a group whose H is large and is read by one site, as few matrices at a time as can be: H in a pass of its own,
 * then with `dense` the drift, as an `OutputDrift`. The caller owns them.
 */
export async function largeStatistics(
  group: number,
  layer: Layer,
  streams: Streams,
): Promise<SiteStatistics> {
  const see: See = (parts, x) => groupInputs(parts, x, streams.tables, [group]);
  const { tokens } = streams.stream.activations;
  const gram = await largeGram(group, streams, see);
  if (!streams.dense) return { gram, tokens };
  try {
    return { gram, tokens, drift: { outputs: await lostOutputs(group, layer, streams, see) } };
  } catch (error) {
    gram.dispose();
    throw error;
  }
}

async function largeGram(group: number, streams: Streams, see: See): Promise<Tensor> {
  const sum = new BandedGram();
  try {
    await eachBatch({ ...streams, dense: undefined }, see, (inputs) => {
      const input = inputs.get(group)!;
      try {
        sum.add(input.rows);
      } finally {
        releaseInputs(input);
      }
    });
    return sum.take()!;
  } finally {
    sum.dispose();
  }
}

/** (W·(X′ − X) + R′ − R)·Xᵀ. */
async function lostOutputs(group: number, layer: Layer, streams: Streams, see: See): Promise<Tensor> {
  const sum = new MatrixSum();
  try {
    await eachBatch(streams, see, (inputs, denseInputs) => {
      const [input, dense] = [inputs.get(group)!, denseInputs!.get(group)!];
      try {
        sum.add(() => lostRows(input, dense, layer).transpose().matmul(input.rows));
      } finally {
        releaseInputs(input, dense);
      }
    });
    return sum.take()!;
  } finally {
    sum.dispose();
  }
}

function lostRows(input: GroupInput, dense: GroupInput, { weight }: Layer): Tensor {
  return tidy(() => {
    const lost = linear(dense.rows.sub(input.rows), { weight, bias: undefined });
    return input.residual && dense.residual ? lost.add(dense.residual.sub(input.residual)) : lost;
  });
}
