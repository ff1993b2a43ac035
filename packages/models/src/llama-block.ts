import type { LlamaConfig } from "@denoise-rotator/checkpoint";
import {
  type DecoderBlock,
  type HeadLayout,
  type LinearSite,
  type Site,
  type SiteRole,
  siteOf,
  siteRoles,
} from "@denoise-rotator/contracts";
import {
  assertFinite,
  type Backend,
  breathe,
  OptionError,
  ones,
  ShapeError,
  type Tensor,
  tidy,
} from "@denoise-rotator/core";
import { type Activations, readFloats } from "./activations.js";
import { type BlockParts, forwardBlock, groupInputs, groupOf, inputGroups } from "./block-forward.js";
import { GramAccumulator } from "./gram-accumulator.js";
import { type RopeTables, ropeTables } from "./rope-tables.js";

/** Windows that {@link LlamaBlock.sampleOutputs} runs, at most. */
const sampleWindows = 4;

/** The tensors of a block on the device. */
export interface BlockTensors {
  readonly sites: readonly Site[];
  readonly attentionNorm: Tensor;
  readonly feedForwardNorm: Tensor;
  readonly inputRotation: Tensor | undefined;
  /** Whether both gains are 1 already. */
  readonly folded: boolean;
}

/**
 * One decoder block with its weights on the device and, where it comes from `calibrate`, its calibration inputs.
 * Whoever loads it disposes of it.
 */
export class LlamaBlock implements DecoderBlock {
  readonly name: string;
  readonly index: number;
  readonly hiddenSize: number;
  readonly heads: HeadLayout;
  readonly sites: readonly LinearSite[];
  readonly groups = inputGroups;
  readonly device: Backend;
  /** What the block reads in calibration; `undefined` for a block loaded by itself. */
  readonly inputs: Activations | undefined;
  readonly #config: LlamaConfig;
  readonly #sites: readonly Site[];
  readonly #inputRotation: Tensor | undefined;
  #attentionNorm: Tensor;
  #feedForwardNorm: Tensor;
  #folded: boolean;
  #residualBasis: Tensor | undefined;
  #tables: (RopeTables & { readonly length: number }) | undefined;
  readonly #signal: AbortSignal | undefined;

  /** @internal Use `Model.loadBlock` or `calibrate`. */
  constructor(init: {
    name: string;
    index: number;
    config: LlamaConfig;
    device: Backend;
    tensors: BlockTensors;
    inputs?: Activations | undefined;
    signal?: AbortSignal | undefined;
  }) {
    const { config, tensors } = init;
    this.name = init.name;
    this.index = init.index;
    this.hiddenSize = config.hiddenSize;
    this.heads = { count: config.headCount, keyValueCount: config.keyValueHeadCount, dim: config.headDim };
    this.device = init.device;
    this.inputs = init.inputs;
    this.sites = this.#sites = tensors.sites;
    this.#config = config;
    this.#attentionNorm = tensors.attentionNorm;
    this.#feedForwardNorm = tensors.feedForwardNorm;
    this.#inputRotation = tensors.inputRotation;
    this.#folded = tensors.folded;
    this.#signal = init.signal;
  }

  get residualBasis(): Tensor | undefined {
    return this.#residualBasis;
  }

  /**
   * Change of basis at the block's entry, an `[out, in]` weight: of a checkpoint that was rotated before. Inputs and
   * outputs of the block as it is loaded count as unrotated; `residualBasis` comes on top.
   */
  get inputRotation(): Tensor | undefined {
    return this.#inputRotation;
  }
  /** Gain `[hidden]` before attention. */
  get attentionNorm(): Tensor {
    return this.#attentionNorm;
  }
  /** Gain `[hidden]` before the feed-forward part. */
  get feedForwardNorm(): Tensor {
    return this.#feedForwardNorm;
  }

  /** Takes ownership. Throws {@link OptionError} before {@link foldNorms}: a gain does not commute with a rotation. */
  setResidualBasis(basis: Tensor | undefined): void {
    const { hiddenSize } = this;
    if (basis && !this.#folded) {
      throw new OptionError(`${this.name}: await foldNorms() before the residual basis is set`);
    }
    if (basis && (basis.rank !== 2 || basis.shape.some((dim) => dim !== hiddenSize))) {
      throw new ShapeError(
        `${this.name}: residual basis [${basis.shape}] where [${hiddenSize}, ${hiddenSize}] is needed`,
      );
    }
    if (basis !== this.#residualBasis) this.#residualBasis?.dispose();
    this.#residualBasis = basis;
  }

  async foldNorms(): Promise<void> {
    if (this.#folded) return;
    for (const site of this.#sites) {
      const reads = { 0: this.#attentionNorm, 2: this.#feedForwardNorm }[groupOf(site.role)];
      if (!reads) continue;
      site.setWeight(tidy(() => site.weight.mul(reads)));
      site.setStatistics(undefined);
    }
    this.#attentionNorm.dispose();
    this.#feedForwardNorm.dispose();
    this.#attentionNorm = ones([this.hiddenSize], { backend: this.device });
    this.#feedForwardNorm = ones([this.hiddenSize], { backend: this.device });
    this.#folded = true;
  }

  /**
   * Sums H over all calibration inputs, with the block's present weights, running no more of it than `roles` need.
   * Sites that read the same input as one of `roles` get the statistics too.
   *
   * @throws NonFiniteError naming the site; OptionError where the block has no calibration inputs.
   */
  async capture(roles: readonly SiteRole[] = siteRoles): Promise<void> {
    const inputs = this.#calibration("capture");
    const wanted = [...new Set(roles.map(groupOf))];
    if (wanted.length === 0) return;
    const sums = new Map(wanted.map((group) => [group, new GramAccumulator()]));
    try {
      for (let batch = 0; batch < inputs.batchCount; batch++) {
        this.#signal?.throwIfAborted();
        this.#addBatch(inputs, batch, sums);
        await breathe();
      }
      for (const [group, sum] of sums) await this.#setStatistics(group, sum.take(), inputs.tokens);
    } finally {
      for (const sum of sums.values()) sum.dispose();
    }
  }

  #addBatch(inputs: Activations, batch: number, sums: ReadonlyMap<number, GramAccumulator>): void {
    using x = inputs.upload(batch, this.device);
    const rows = groupInputs(this.#parts(), x, this.#ropeTables(inputs.length), [...sums.keys()]);
    for (const [group, sum] of sums) {
      using read = rows.get(group)!;
      sum.add(read);
    }
  }

  async #setStatistics(group: number, gram: Tensor, tokens: number): Promise<void> {
    const statistics = { gram, tokens };
    const readers = this.#sites.filter((site) => inputGroups[group]!.includes(site.role));
    for (const site of readers) site.setStatistics(statistics);
    await assertFinite(gram, `${readers[0]!.name}: H`);
  }

  async sampleOutputs(): Promise<Tensor> {
    const inputs = this.#calibration("sampleOutputs");
    using x = inputs.uploadFirst(sampleWindows, this.device);
    using y = this.forward(x);
    return y.reshape([x.shape[0]! * inputs.length, this.hiddenSize]);
  }

  /** The block's outputs for x `[b, t, hidden]`, same shape, in the unrotated basis. The caller disposes. */
  forward(x: Tensor): Tensor {
    return forwardBlock(this.#parts(), x, this.#ropeTables(x.shape[1]!));
  }

  /**
   * Replaces activations by the block's outputs, batch by batch.
   *
   * @throws NonFiniteError naming block and window.
   */
  async run(activations: Activations, signal?: AbortSignal): Promise<void> {
    for (let batch = 0; batch < activations.batchCount; batch++) {
      signal?.throwIfAborted();
      using x = activations.upload(batch, this.device);
      using y = this.forward(x);
      activations.replace(batch, await readFloats(y), this.name);
      await breathe();
    }
  }

  dispose(): void {
    for (const site of this.#sites) site.dispose();
    this.#attentionNorm.dispose();
    this.#feedForwardNorm.dispose();
    this.#inputRotation?.dispose();
    this.#residualBasis?.dispose();
    this.#tables?.cosine.dispose();
    this.#tables?.sine.dispose();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }

  #calibration(what: string): Activations {
    if (this.inputs) return this.inputs;
    throw new OptionError(`${this.name}: ${what} needs calibration inputs; take the block from calibrate()`);
  }

  #ropeTables(length: number): RopeTables {
    if (this.#tables?.length !== length) {
      this.#tables?.cosine.dispose();
      this.#tables?.sine.dispose();
      this.#tables = { ...ropeTables(this.#config, length, this.device), length };
    }
    return this.#tables;
  }

  #parts(): BlockParts {
    return {
      site: (role) => siteOf(this, role),
      attentionNorm: this.#attentionNorm,
      feedForwardNorm: this.#feedForwardNorm,
      eps: this.#config.rmsNormEps,
      heads: this.heads,
      inputRotation: this.#inputRotation,
      residualBasis: this.#residualBasis,
    };
  }
}
