import { attention, type Backend, copyInto, slice, type Tensor, zeros } from "@denoise-rotator/core";
import type { Attend } from "../block-forward.js";

/** Keys and values of one block for the tokens so far, in place: `[1, groups, capacity, dim]` each. */
export class KeyValueCache {
  readonly #keys: Tensor;
  readonly #values: Tensor;

  constructor(shape: { groups: number; capacity: number; dim: number }, device: Backend) {
    const { groups, capacity, dim } = shape;
    this.#keys = zeros([1, groups, capacity, dim], { backend: device });
    this.#values = zeros([1, groups, capacity, dim], { backend: device });
  }

  /** Attention for tokens from position `start` on, whose keys and values are written here, to all up to them. */
  after(start: number): Attend {
    return (q, k, v, options) => {
      const end = start + k.shape[2]!;
      const extend = (all: Tensor, own: Tensor) => {
        copyInto(slice(all, null, null, [start, end]), own);
        return slice(all, null, null, [0, end]);
      };
      return attention(q, extend(this.#keys, k), extend(this.#values, v), options);
    };
  }

  dispose(): void {
    this.#keys.dispose();
    this.#values.dispose();
  }
}
