import type { SiteRole } from "@denoise-rotator/contracts";
import type { Backend, Tensor } from "@denoise-rotator/core";
import type { Activations } from "./activations.js";
import { type Attend, type BlockParts, forwardBlock, type Layer } from "./block-forward.js";
import { type ReadBlock, readBlock } from "./read-block.js";
import { RopeTableCache, type RopeTables } from "./rope-tables.js";
import { runBlock } from "./run-block.js";
import { loadSiteWeight, type SiteWeight, weightBytes } from "./site-weight.js";
import type { WeightSource } from "./weight-source.js";

/**
 * A decoder block that only computes: 2:4 weights stay packed where the model says so. To change one, take a `LoadedBlock`.
 * Whoever loads it disposes of it.
 */
export class ForwardBlock {
  readonly name: string;
  readonly index: number;
  readonly hiddenSize: number;
  readonly device: Backend;
  readonly #tensors: ReadBlock<SiteWeight>;
  readonly #parts: BlockParts;
  readonly #tables: RopeTableCache;

  private constructor({ config, device }: WeightSource, index: number, tensors: ReadBlock<SiteWeight>) {
    this.name = tensors.name;
    this.index = index;
    this.hiddenSize = config.hiddenSize;
    this.device = device;
    this.#tables = new RopeTableCache(config, device);
    this.#tensors = tensors;
    const layers = new Map<SiteRole, Layer>(tensors.sites.map((site) => [site.role, site]));
    this.#parts = {
      site: (role) => layers.get(role)!,
      attentionNorm: tensors.attentionNorm,
      feedForwardNorm: tensors.feedForwardNorm,
      eps: config.rmsNormEps,
      heads: { count: config.headCount, keyValueCount: config.keyValueHeadCount, dim: config.headDim },
      headNorms: tensors.headNorms,
      attentionWindow: config.attentionWindows[index],
      inputRotation: tensors.inputRotation,
      residualBasis: undefined,
      outputMap: undefined,
    };
  }

  /** Reads block `index`. On an error nothing stays on the device. */
  static async load(source: WeightSource, index: number): Promise<ForwardBlock> {
    const tensors = await readBlock(source, index, (name) => loadSiteWeight(source, name));
    return new ForwardBlock(source, index, tensors);
  }

  /** Bytes of the weights of its sites where they lie: on the device, or packed on the host where it has no kernels. */
  get weightBytes(): number {
    return this.#tensors.sites.reduce((sum, { weight }) => sum + weightBytes(weight), 0);
  }

  /** The block's outputs for x `[b, t, hidden]`, same shape. The caller disposes. */
  forward(x: Tensor): Tensor {
    return forwardBlock(this.#parts, x, this.#tables.of(x.shape[1]!));
  }

  /**
   * As {@link forward} for tokens at the positions of `tables`, which see what `attend` says.
   * @internal
   */
  forwardWith(x: Tensor, tables: RopeTables, attend: Attend): Tensor {
    return forwardBlock(this.#parts, x, tables, attend);
  }

  /**
   * Replaces activations by the block's outputs, batch by batch.
   *
   * @throws NonFiniteError naming block and window.
   */
  async run(activations: Activations, signal?: AbortSignal): Promise<void> {
    const tables = this.#tables.of(activations.length);
    await runBlock(activations, { name: this.name, parts: this.#parts, tables, device: this.device, signal });
  }

  dispose(): void {
    const { sites, attentionNorm, feedForwardNorm, inputRotation, headNorms } = this.#tensors;
    for (const { weight, bias } of sites) {
      weight.dispose();
      bias?.dispose();
    }
    for (const x of [attentionNorm, feedForwardNorm, inputRotation, headNorms?.query, headNorms?.key]) {
      x?.dispose();
    }
    this.#tables.dispose();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
}
