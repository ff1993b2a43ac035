import {
  breathe,
  fromTyped,
  NonFiniteError,
  OptionError,
  slice,
  type Tensor,
  tidy,
} from "@denoise-rotator/core";
import { readFloats } from "../activations.js";
import { type RopeTables, ropeTables } from "../rope-tables.js";
import { checkWindows } from "../windows.js";
import { KeyValueCache } from "./key-value-cache.js";
import type { ResidentWeights } from "./resident-weights.js";

/** Tokens of a prompt that go through the blocks at once. */
export const promptChunk = 512;

export interface AppendOptions {
  /** Tokens that go through the blocks at once; default 512. The logits depend on it by rounding only. */
  readonly chunk?: number;
  readonly signal?: AbortSignal | undefined;
}

/** The tokens so far with their keys and values in every block. Whoever starts it disposes of it. */
export class Sequence {
  /** Tokens it has room for. */
  readonly capacity: number;
  readonly #weights: ResidentWeights;
  readonly #caches: readonly KeyValueCache[];
  readonly #tables: RopeTables;
  #length = 0;

  /** @param capacity tokens at most; no more than the model's context. */
  constructor(weights: ResidentWeights, capacity: number) {
    const { model, blocks } = weights;
    const { config, device } = model;
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > model.contextLength) {
      throw new OptionError(`capacity ${capacity}: the model takes 1 to ${model.contextLength} tokens`);
    }
    this.capacity = capacity;
    this.#weights = weights;
    this.#tables = ropeTables(config, capacity, device);
    const shape = { groups: config.keyValueHeadCount, capacity, dim: config.headDim };
    this.#caches = blocks.map(() => new KeyValueCache(shape, device));
  }

  /** Tokens so far. */
  get length(): number {
    return this.#length;
  }

  /**
   * Appends tokens and gives the logits `[vocabulary]` for the one after them.
   *
   * @throws OptionError where there is no room or an id is none; NonFiniteError where logits are NaN or infinite, naming
   * the position.
   */
  async append(ids: Int32Array, options: AppendOptions = {}): Promise<Float32Array> {
    const { chunk = promptChunk, signal } = options;
    const { model } = this.#weights;
    const room = this.capacity - this.#length;
    if (ids.length > room) {
      throw new OptionError(`${ids.length} tokens after ${this.#length}: the sequence has room for ${room}`);
    }
    checkWindows([ids], model);
    for (let begin = 0; begin < ids.length; begin += chunk) {
      const part = ids.subarray(begin, Math.min(ids.length, begin + chunk));
      using hidden = await this.#pass(part, signal);
      this.#length += part.length;
      if (begin + chunk < ids.length) continue;
      using logits = tidy(() => {
        const last = slice(hidden, null, [part.length - 1, part.length]);
        return this.#weights.head.logits(last.reshape([1, model.config.hiddenSize]));
      });
      const values = await readFloats(logits);
      const bad = values.find((value) => !Number.isFinite(value));
      if (bad === undefined) return values;
      throw new NonFiniteError(`${model.name}: the logits after ${this.#length} tokens hold ${bad}`);
    }
    throw new Error("unreachable: checkWindows refuses no tokens");
  }

  /** The last block's outputs `[1, tokens, hidden]`. */
  async #pass(ids: Int32Array, signal: AbortSignal | undefined): Promise<Tensor> {
    const { model, blocks } = this.#weights;
    const start = this.#length;
    let hidden = fromTyped(
      await this.#weights.embed(ids),
      [1, ids.length, model.config.hiddenSize],
      "f32",
      model.device,
    );
    const at = (table: Tensor) => slice(table, [start, start + ids.length]);
    using cosine = at(this.#tables.cosine);
    using sine = at(this.#tables.sine);
    for (const [index, block] of blocks.entries()) {
      using x = hidden;
      signal?.throwIfAborted();
      hidden = block.forwardWith(x, { cosine, sine }, this.#caches[index]!.after(start));
      if (ids.length > 1) await breathe();
    }
    return hidden;
  }

  dispose(): void {
    for (const cache of this.#caches) cache.dispose();
    this.#tables.cosine.dispose();
    this.#tables.sine.dispose();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
}
