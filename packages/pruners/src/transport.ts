import { type DecoderBlock, Site } from "@denoise-rotator/contracts";
import { assertFinite, eye, OptionError } from "@denoise-rotator/core";
import { type MatchOptions, matchedWeight } from "./match.js";
import { relativeError } from "./prune-site.js";

/** What a correction of a block's outputs does. */
export interface TransportReport {
  /** ‖(V − I)Y‖² / ‖Y‖²: how far it moves the outputs Y. */
  readonly shift: number;
}

/**
 * Brings a block's outputs Y back towards the dense model's Y′ by the best linear map: the {@link matchedWeight} V of
 * the identity, V = I + (Y′ − Y)·Yᵀ·(Y·Yᵀ + λI)⁻¹, becomes the block's output map. It costs nothing where a change of
 * basis follows the block anyway, as in models whose blocks have rotations of their own; after the last block it acts on
 * the normalised outputs and becomes part of the head. Call it when the block is pruned; `block.trackDense()` before.
 *
 * @throws OptionError for blocks without an output map, and where the dense block is not tracked.
 */
export async function transport(block: DecoderBlock, options: MatchOptions = {}): Promise<TransportReport> {
  if (!block.captureOutputs || !block.setOutputMap) {
    throw new OptionError(
      `${block.name} has no place for an output map: captureOutputs() and setOutputMap()`,
    );
  }
  const statistics = await block.captureOutputs();
  const { dtype, backend } = statistics.gram;
  const weight = eye(block.hiddenSize, { dtype, backend });
  const identity = new Site({ name: `${block.name}: its outputs`, role: "oProj", weight });
  try {
    identity.setStatistics(statistics);
    const V = await matchedWeight(identity, options);
    try {
      await assertFinite(V, `${block.name}: the map of its outputs`);
      const shift = await relativeError(identity, V);
      block.setOutputMap(V.alias());
      return { shift };
    } finally {
      V.dispose();
    }
  } finally {
    identity.dispose();
  }
}
