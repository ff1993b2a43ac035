import type { DecoderConfig } from "@denoise-rotator/checkpoint";
import {
  type DecoderBlock,
  type DenseSample,
  disposeStatistics,
  type HeadLayout,
  type LinearSite,
  type Site,
  type SiteRole,
  type SiteStatistics,
  siteOf,
  siteRoles,
} from "@denoise-rotator/contracts";
import {
  type Backend,
  concat,
  OptionError,
  ones,
  ShapeError,
  type Sparse24Weight,
  type Tensor,
  tidy,
} from "@denoise-rotator/core";
import type { Activations } from "./activations.js";
import {
  type BlockParts,
  forwardBlock,
  groupOf,
  inputGroups,
  type Layer,
  releaseParts,
} from "./block-forward.js";
import { denseSample } from "./dense-sample.js";
import {
  assertFiniteStatistics,
  groupStatistics,
  outputStatistics,
  passesOf,
  type Streams,
} from "./group-statistics.js";
import { defaultLargeInputs, largeStatistics } from "./large-statistics.js";
import { RopeTableCache } from "./rope-tables.js";
import { runBlock } from "./run-block.js";
import { packedCopy } from "./site-weight.js";

/** Windows that {@link LoadedBlock.sampleOutputs} runs, at most. */
const sampleWindows = 4;

/** The tensors of a block on the device. */
export interface BlockTensors {
  readonly sites: readonly Site[];
  readonly attentionNorm: Tensor;
  readonly feedForwardNorm: Tensor;
  readonly inputRotation: Tensor | undefined;
  /** Gains of the norms of every head's queries and keys. */
  readonly headNorms: BlockParts["headNorms"];
  /** Whether both gains are 1 already. */
  readonly folded: boolean;
}

/**
 * One decoder block with its weights on the device and, where it comes from `calibrate`, its calibration inputs.
 * Whoever loads it disposes of it.
 */
export class LoadedBlock implements DecoderBlock {
  readonly name: string;
  readonly index: number;
  readonly hiddenSize: number;
  readonly heads: HeadLayout;
  readonly sites: readonly LinearSite[];
  readonly groups = inputGroups;
  readonly device: Backend;
  /** What the block reads in calibration; `undefined` for a block loaded by itself. */
  readonly inputs: Activations | undefined;
  /** What the block of the dense model reads for the same tokens, where `calibrate` runs it beside. */
  readonly denseInputs: Activations | undefined;
  /** Gains `[headDim]` of the norms of every head's queries and keys; no rotation concerns them. */
  readonly headNorms: BlockParts["headNorms"];
  readonly #config: DecoderConfig;
  readonly #sites: readonly Site[];
  readonly #inputRotation: Tensor | undefined;
  #attentionNorm: Tensor;
  #feedForwardNorm: Tensor;
  #folded: boolean;
  #residualBasis: Tensor | undefined;
  #outputMap: Tensor | undefined;
  /** The block as it was when {@link trackDense} was called; holds handles of its own. */
  #dense: BlockParts | undefined;
  readonly #tables: RopeTableCache;
  readonly #signal: AbortSignal | undefined;
  readonly #sparse: boolean;
  readonly #largeInputs: number;

  /** @internal Use `Model.loadBlock` or `calibrate`. */
  constructor(init: {
    name: string;
    index: number;
    config: DecoderConfig;
    device: Backend;
    tensors: BlockTensors;
    inputs?: Activations | undefined;
    denseInputs?: Activations | undefined;
    signal?: AbortSignal | undefined;
    sparse?: boolean;
    largeInputs?: number | undefined;
  }) {
    const { config, tensors } = init;
    this.name = init.name;
    this.index = init.index;
    this.hiddenSize = config.hiddenSize;
    this.heads = { count: config.headCount, keyValueCount: config.keyValueHeadCount, dim: config.headDim };
    this.device = init.device;
    this.inputs = init.inputs;
    this.denseInputs = init.denseInputs;
    this.sites = this.#sites = tensors.sites;
    this.#config = config;
    this.#tables = new RopeTableCache(config, init.device);
    this.#attentionNorm = tensors.attentionNorm;
    this.#feedForwardNorm = tensors.feedForwardNorm;
    this.#inputRotation = tensors.inputRotation;
    this.headNorms = tensors.headNorms;
    this.#folded = tensors.folded;
    this.#signal = init.signal;
    this.#sparse = init.sparse ?? false;
    this.#largeInputs = init.largeInputs ?? defaultLargeInputs;
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

  /** What outputs pass on their way to the next block, after the last one to the head. */
  get outputMap(): Tensor | undefined {
    return this.#outputMap;
  }

  /** Whether the final norm follows. */
  get isLast(): boolean {
    return this.index === this.#config.layerCount - 1;
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
    this.#refuseTracked("the residual basis is set");
    if (basis !== this.#residualBasis) this.#residualBasis?.dispose();
    this.#residualBasis = basis;
  }

  async foldNorms(): Promise<void> {
    if (this.#folded) return;
    this.#refuseTracked("norms are folded");
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

  trackDense(): void {
    if (this.#dense) return;
    if (!this.denseInputs) {
      throw new OptionError(`${this.name}: no dense stream runs along; give calibrate() dense: true`);
    }
    const layers = new Map<SiteRole, Layer>();
    for (const { role, weight, bias } of this.#sites) {
      layers.set(role, { weight: weight.alias(), bias: bias?.alias() });
    }
    this.#dense = {
      ...this.#parts(),
      site: (role) => layers.get(role)!,
      outputMap: undefined,
      attentionNorm: this.#attentionNorm.alias(),
      feedForwardNorm: this.#feedForwardNorm.alias(),
    };
  }

  /**
   * Sums H over all calibration inputs, with the block's present weights, running no more of it than `roles` need; after
   * {@link trackDense} the drift too. Sites that read the same input as one of `roles` get the statistics too. What they
   * had is freed before, so that no H is there twice.
   *
   * @throws NonFiniteError naming the site; OptionError where the block has no calibration inputs.
   */
  async capture(roles: readonly SiteRole[] = siteRoles): Promise<void> {
    const wanted = [...new Set(roles.map(groupOf))];
    const streams = this.#streams("capture");
    if (wanted.length === 0) return;
    for (const group of wanted) {
      for (const role of inputGroups[group]!) siteOf(this, role).setStatistics(undefined);
    }
    for (const groups of passesOf(wanted, (group) => this.#isLarge(group))) {
      const [group] = groups as [number];
      const found = this.#isLarge(group)
        ? new Map([[group, await largeStatistics(group, this.#onlySite(group), streams)]])
        : await groupStatistics(groups, streams);
      for (const [group, statistics] of found) {
        for (const role of inputGroups[group]!) siteOf(this, role).setStatistics(statistics);
      }
      for (const [group, statistics] of found) {
        await assertFiniteStatistics(statistics, siteOf(this, inputGroups[group]![0]!).name);
      }
    }
  }

  async captureOutputs(): Promise<SiteStatistics> {
    const statistics = await outputStatistics(this.isLast, this.#streams("captureOutputs"));
    try {
      await assertFiniteStatistics(statistics, `${this.name}: its outputs`);
      return statistics;
    } catch (error) {
      disposeStatistics(statistics);
      throw error;
    }
  }

  /**
   * Takes ownership. In a saved model the map is part of the change of basis to the next block; after the last block it
   * acts between the final norm and the head, and the block's own outputs do not show it.
   */
  setOutputMap(V: Tensor | undefined): void {
    const { hiddenSize } = this;
    if (V && (V.rank !== 2 || V.shape.some((dim) => dim !== hiddenSize))) {
      throw new ShapeError(
        `${this.name}: output map [${V.shape}] where [${hiddenSize}, ${hiddenSize}] is needed`,
      );
    }
    if (V !== this.#outputMap) this.#outputMap?.dispose();
    this.#outputMap = V;
  }

  async sampleOutputs(): Promise<Tensor> {
    const inputs = this.#calibration("sampleOutputs");
    const count = Math.min(sampleWindows, inputs.count);
    const parts: Tensor[] = [];
    try {
      for (let first = 0; first < count; first += inputs.batchWindows) {
        const length = Math.min(inputs.batchWindows, count - first);
        using x = inputs.uploadWindows(
          this.device,
          Array.from({ length }, (_, i) => first + i),
        );
        parts.push(this.forward(x));
      }
      return tidy(() => concat(parts).reshape([count * inputs.length, this.hiddenSize]));
    } finally {
      for (const part of parts) part.dispose();
    }
  }

  /** Calibration windows. */
  get windowCount(): number {
    return this.inputs?.count ?? 0;
  }

  sampleDense(windows: readonly number[]): DenseSample {
    const { stream, dense, tables } = this.#streams("sampleDense");
    if (!dense) throw new OptionError(`${this.name}: trackDense() comes before sampleDense()`);
    return denseSample({ stream, dense, tables }, windows, { normalised: this.isLast, map: this.#outputMap });
  }

  /** The block's outputs for x `[b, t, hidden]`, same shape, in the unrotated basis. The caller disposes. */
  forward(x: Tensor): Tensor {
    return forwardBlock(this.#parts(), x, this.#tables.of(x.shape[1]!));
  }

  /**
   * Replaces activations by the block's outputs, batch by batch. Weights that are 2:4 by now are multiplied packed where the
   * model says so, which changes the outputs by rounding.
   *
   * @throws NonFiniteError naming block and window.
   */
  async run(activations: Activations, signal?: AbortSignal): Promise<void> {
    const packed = new Map<SiteRole, Sparse24Weight>();
    try {
      for (const { role, weight } of this.#sparse ? this.#sites : []) {
        const copy = await packedCopy(weight);
        if (copy) packed.set(role, copy);
      }
      const parts = this.#parts();
      const site = (role: SiteRole): Layer => {
        const { weight, bias } = parts.site(role);
        return { weight: packed.get(role) ?? weight, bias };
      };
      await this.#run({ ...parts, site }, activations, signal);
    } finally {
      for (const weight of packed.values()) weight.dispose();
    }
  }

  /** As {@link run}, with the weights of {@link trackDense}, or the present ones where it was not called. */
  runDense(activations: Activations, signal?: AbortSignal): Promise<void> {
    return this.#run(this.#dense ?? this.#parts(), activations, signal);
  }

  async #run(parts: BlockParts, activations: Activations, signal: AbortSignal | undefined): Promise<void> {
    const { name, device } = this;
    await runBlock(activations, {
      name,
      parts,
      device,
      tables: this.#tables.of(activations.length),
      signal,
    });
  }

  dispose(): void {
    for (const site of this.#sites) site.dispose();
    this.#attentionNorm.dispose();
    this.#feedForwardNorm.dispose();
    this.#inputRotation?.dispose();
    this.headNorms?.query.dispose();
    this.headNorms?.key.dispose();
    this.#residualBasis?.dispose();
    this.#outputMap?.dispose();
    if (this.#dense) releaseParts(this.#dense);
    this.#tables.dispose();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** What changes the block's coordinates would part the two streams once the dense one is fixed. */
  #refuseTracked(what: string): void {
    if (this.#dense)
      throw new OptionError(`${this.name}: the dense block is tracked already; ${what} before`);
  }

  #onlySite(group: number): LinearSite {
    return siteOf(this, inputGroups[group]![0]!);
  }

  /** Whether one site alone reads an input so wide that its statistics take more than is to be held at once. */
  #isLarge(group: number): boolean {
    const roles = inputGroups[group]!;
    return roles.length === 1 && this.#onlySite(group).weight.shape[1]! > this.#largeInputs;
  }

  /** What passes the block in calibration; outputs as they are before the output map. */
  #streams(what: string): Streams {
    const activations = this.#calibration(what);
    return {
      stream: { parts: { ...this.#parts(), outputMap: undefined }, activations },
      dense: this.#dense && { parts: this.#dense, activations: this.denseInputs! },
      tables: this.#tables.of(activations.length),
      signal: this.#signal,
    };
  }

  #calibration(what: string): Activations {
    if (this.inputs) return this.inputs;
    throw new OptionError(`${this.name}: ${what} needs calibration inputs; take the block from calibrate()`);
  }

  #parts(): BlockParts {
    return {
      site: (role) => siteOf(this, role),
      attentionNorm: this.#attentionNorm,
      feedForwardNorm: this.#feedForwardNorm,
      eps: this.#config.rmsNormEps,
      heads: this.heads,
      headNorms: this.headNorms,
      attentionWindow: this.#config.attentionWindows[this.index],
      inputRotation: this.#inputRotation,
      residualBasis: this.#residualBasis,
      outputMap: this.isLast ? undefined : this.#outputMap,
    };
  }
}
