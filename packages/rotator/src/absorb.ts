import type { DecoderBlock, RotationPair } from "@denoise-rotator/contracts";
import { NonFiniteError, stack, type Tensor, tidy, toNumbers } from "@denoise-rotator/core";
import { checkRotation } from "./check-rotation.js";
import { InvarianceError } from "./errors.js";
import { rotateSites } from "./rotate-sites.js";

export interface AbsorbOptions {
  /**
   * Largest root mean square of a token's change of the block's outputs, relative to that of all outputs, or to the token's
   * own where it is larger. Default 1e-4.
   */
  readonly tolerance?: number;
  /** Compares the block's outputs before and after. Default true. */
  readonly verify?: boolean;
}

/**
 * Merges a rotation into a block: weights, biases, statistics and residual basis turn together, and the block computes
 * what it did before. That is checked on its calibration sample; a block that fails keeps its old weights.
 *
 * @throws RotationError if R1 or R2 do not fit the block or are not orthogonal; InvarianceError if the outputs changed.
 */
export async function absorb(
  block: DecoderBlock,
  rotation: RotationPair,
  options: AbsorbOptions = {},
): Promise<{ invarianceError: number | undefined }> {
  const { tolerance = 1e-4, verify = true } = options;
  await checkRotation(block, rotation);
  if (!verify) {
    turn(block, rotation);
    return { invarianceError: undefined };
  }
  using before = await block.sampleOutputs();
  const snapshot = remember(block);
  try {
    turn(block, rotation);
    using after = await block.sampleOutputs();
    const invarianceError = await relativeChange(block.name, before, after);
    if (!(invarianceError <= tolerance)) throw new InvarianceError(block.name, invarianceError, tolerance);
    snapshot.forget();
    return { invarianceError };
  } catch (error) {
    snapshot.restore();
    throw error;
  }
}

/** Rotations compose: of a block that is rotated already, the basis becomes old·R1. */
function turn(block: DecoderBlock, rotation: RotationPair): void {
  const { residualBasis } = block;
  rotateSites(block, rotation);
  block.setResidualBasis(residualBasis ? residualBasis.matmul(rotation.R1) : rotation.R1.alias());
}

/**
 * The largest rms of a token's change over the larger of its rms and the rms of all outputs, both of `before`; the absolute
 * change where all outputs were 0. Channels and tokens with massive activations (a few channels of most models, the first
 * token) are rounded in proportion to them, hundreds of times what others hold: so neither single elements nor all tokens
 * at once are compared.
 */
async function relativeChange(name: string, before: Tensor, after: Tensor): Promise<number> {
  using figures = tidy(() =>
    stack([after.sub(before), before].map((rows) => rows.square().mean({ axis: -1 }).sqrt())),
  );
  const values = Array.from(await toNumbers(figures));
  if (!values.every(Number.isFinite)) {
    throw new NonFiniteError(`${name}: its outputs on the calibration sample hold NaN or infinity`);
  }
  const [changes, sizes] = [values.slice(0, values.length / 2), values.slice(values.length / 2)];
  const ofAll = Math.hypot(...sizes) / Math.sqrt(sizes.length);
  const relative = changes.map((change, token) => change / (Math.max(sizes[token]!, ofAll) || 1));
  return relative.reduce((most, change) => Math.max(most, change), 0);
}

/** Handles of everything `turn` replaces. */
function remember(block: DecoderBlock) {
  const grams = new Map<Tensor, Tensor>();
  const hold = (gram: Tensor) => {
    const known = grams.get(gram) ?? gram.alias();
    grams.set(gram, known);
    return known;
  };
  const basis = block.residualBasis?.alias();
  const statistics = new Map(
    [...new Set(block.sites.map((site) => site.statistics))].map((old) => [
      old,
      old && { gram: hold(old.gram), tokens: old.tokens },
    ]),
  );
  const sites = block.sites.map((site) => ({
    site,
    weight: site.weight.alias(),
    bias: site.bias?.alias(),
    statistics: statistics.get(site.statistics),
  }));
  return {
    restore() {
      for (const { site, weight, bias, statistics } of sites) {
        site.setWeight(weight);
        if (bias) site.setBias(bias);
        site.setStatistics(statistics);
      }
      block.setResidualBasis(basis);
    },
    forget() {
      for (const { weight, bias } of sites) {
        weight.dispose();
        bias?.dispose();
      }
      for (const gram of grams.values()) gram.dispose();
      basis?.dispose();
    },
  };
}
