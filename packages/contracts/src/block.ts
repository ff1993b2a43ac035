import { OptionError, type Tensor } from "@denoise-rotator/core";
import type { LinearSite, SiteRole, SiteStatistics } from "./site.js";

/** Attention heads: `count` query heads read `keyValueCount` key/value heads of `dim` each. */
export interface HeadLayout {
  readonly count: number;
  readonly keyValueCount: number;
  readonly dim: number;
}

/** A pair of rotations of one block (method: see `docs/design/architecture.md`). */
export interface RotationPair {
  /** R1 `[hidden, hidden]`, orthogonal; the residual row x becomes x·R1 inside the block. */
  readonly R1: Tensor;
  /** R2 `[keyValueCount, dim, dim]`, orthogonal, one per key/value head. */
  readonly R2: Tensor;
}

/** Calibration windows as the dense block answers them, and the block as a function of its weights. */
export interface DenseSample {
  /**
   * The dense block's outputs for the dense model's inputs as the next linear map reads them, `[tokens, hidden]`, unrotated
   * basis: the residual stream, after a model's last block its normalised form.
   */
  readonly target: Tensor;
  /**
   * The same of the block as it is, for its own inputs and through its output map, with `weights` in place of its sites'
   * (which serve where one is missing) and `outputMap` in place of its own. Core ops of them, so that it has gradients.
   */
  forward(weights: ReadonlyMap<SiteRole, Tensor>, outputMap?: Tensor): Tensor;
  dispose(): void;
  [Symbol.dispose](): void;
}

/**
 * A decoder block as rotation and pruning see it. A block of your own implements this; `Site` holds its weights.
 */
export interface DecoderBlock {
  /** Such as `model.layers.0`. */
  readonly name: string;
  readonly index: number;
  /** Width of the residual stream. */
  readonly hiddenSize: number;
  readonly heads: HeadLayout;
  /** All linear sites; each role at most once. */
  readonly sites: readonly LinearSite[];
  /** Roles in the order true-sequential pruning takes them; the sites of one group read the same input. */
  readonly groups: readonly (readonly SiteRole[])[];
  /**
   * Basis of the residual stream inside the block: x·R1 at the entry, ·R1ᵀ at the exit. `undefined`: the identity.
   * Absorbing a rotation sets it; `outputs` and `capture` honour it.
   */
  readonly residualBasis: Tensor | undefined;
  /** Takes ownership of `basis`. */
  setResidualBasis(basis: Tensor | undefined): void;
  /** Multiplies normalisation gains into the sites that read them and sets the gains to 1. Does nothing twice. */
  foldNorms(): Promise<void>;
  /** Runs the block with its present weights over the calibration inputs and sets the statistics of `roles` (default all). */
  capture(roles?: readonly SiteRole[]): Promise<void>;
  /**
   * From here on `capture` also sets `statistics.drift`, against the block with the weights it has now, run on the dense
   * model's outputs of the block before. After rotations are absorbed and before anything is pruned; does nothing twice.
   * Blocks without it cannot be matched to the dense model. Throws {@link OptionError} where no dense stream runs along.
   */
  trackDense?(): void;
  /** Calibration windows of equal length that `sampleDense` can be asked for. */
  readonly windowCount?: number;
  /** Some calibration windows (0…windowCount − 1) to compare with the dense model; after `trackDense`. The caller disposes. */
  sampleDense?(windows: readonly number[]): DenseSample;
  /**
   * Statistics of the outputs y as the next linear map reads them, in the unrotated basis and without the output map: the
   * residual stream, after a model's last block its normalised form. With `drift` after `trackDense`. The caller owns them.
   */
  captureOutputs?(): Promise<SiteStatistics>;
  /** V of {@link setOutputMap}; `undefined`: the identity. */
  readonly outputMap?: Tensor | undefined;
  /**
   * Makes V `[hidden, hidden]` the map that outputs y pass on their way, y ← V·y. Takes ownership. Throws
   * {@link OptionError} where the model has no place for it.
   */
  setOutputMap?(V: Tensor | undefined): void;
  /** Outputs `[tokens, hidden]` for a fixed sample of the calibration inputs, in the unrotated basis. The caller disposes. */
  sampleOutputs(): Promise<Tensor>;
}

/** The site of `role`. Throws {@link OptionError} naming the block if there is none. */
export function siteOf(block: Pick<DecoderBlock, "name" | "sites">, role: SiteRole): LinearSite {
  const site = block.sites.find((candidate) => candidate.role === role);
  if (!site) throw new OptionError(`${block.name} has no ${role}`);
  return site;
}

/** Sizes that the shapes of a block's weights follow from. */
export interface BlockSizes {
  readonly hiddenSize: number;
  readonly heads: HeadLayout;
  /** Width between gate, up and down. */
  readonly intermediate: number;
}

/** Shape `[out, in]` of the weight of every site. */
export function siteShapes({
  hiddenSize,
  heads,
  intermediate,
}: BlockSizes): Record<SiteRole, readonly [out: number, inputs: number]> {
  const queries = heads.count * heads.dim;
  const keys = heads.keyValueCount * heads.dim;
  return {
    qProj: [queries, hiddenSize],
    kProj: [keys, hiddenSize],
    vProj: [keys, hiddenSize],
    oProj: [hiddenSize, queries],
    gateProj: [intermediate, hiddenSize],
    upProj: [intermediate, hiddenSize],
    downProj: [hiddenSize, intermediate],
  };
}

/** Checks head layout and weight shapes against each other; call it in tests of a block of your own. */
export function validateBlock(block: DecoderBlock): void {
  const { hiddenSize, heads } = block;
  const { count, keyValueCount } = heads;
  if (count % keyValueCount !== 0) {
    throw new OptionError(`${block.name}: ${keyValueCount} key/value heads do not divide ${count} heads`);
  }
  const intermediate = siteOf(block, "downProj").weight.shape[1]!;
  const expected = siteShapes({ hiddenSize, heads, intermediate });
  for (const { name, role, weight } of block.sites) {
    const [out, inputs] = expected[role];
    if (weight.shape[0] !== out || weight.shape[1] !== inputs) {
      throw new OptionError(`${name}: weight [${weight.shape}] where [${out}, ${inputs}] is needed`);
    }
  }
}
