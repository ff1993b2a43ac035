import type { ForwardBlock } from "../forward-block.js";
import { LanguageHead } from "../language-head.js";
import type { Model } from "../model.js";

export interface LoadWeightsOptions {
  /** Called as blocks are loaded; `done` and `total` count blocks. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** All blocks of a model and its head on the device; rows of the embedding are read when they are needed. */
export class ResidentWeights {
  readonly model: Model;
  readonly blocks: readonly ForwardBlock[];
  readonly head: LanguageHead;

  private constructor(model: Model, blocks: readonly ForwardBlock[], head: LanguageHead) {
    this.model = model;
    this.blocks = blocks;
    this.head = head;
  }

  /** The caller disposes. On an error nothing stays on the device. */
  static async load(model: Model, options: LoadWeightsOptions = {}): Promise<ResidentWeights> {
    const { layerCount } = model.config;
    const blocks: ForwardBlock[] = [];
    try {
      for (let index = 0; index < layerCount; index++) {
        options.signal?.throwIfAborted();
        blocks.push(await model.loadForward(index));
        options.onProgress?.(index + 1, layerCount);
      }
      return new ResidentWeights(model, blocks, await LanguageHead.load(model));
    } catch (error) {
      for (const block of blocks) block.dispose();
      throw error;
    }
  }

  /** Bytes of the weights of all sites where they lie. */
  get siteBytes(): number {
    return this.blocks.reduce((sum, { weightBytes }) => sum + weightBytes, 0);
  }

  /** Embedding rows `[ids, hidden]`; of one id only that row is read. */
  embed(ids: Int32Array): Promise<Float32Array> {
    const { checkpoint, family } = this.model;
    if (ids.length !== 1) return this.model.embed(ids);
    return checkpoint.readRows(family.embedding, ids[0]!, ids[0]! + 1);
  }

  dispose(): void {
    for (const block of this.blocks) block.dispose();
    this.head.dispose();
  }
}
