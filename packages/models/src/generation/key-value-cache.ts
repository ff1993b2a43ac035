import { type Backend, copyInto, slice, type Tensor, zeros } from "@denoise-rotator/core";
import type { ExtendKeys } from "../block-forward.js";

/** Keys and values of one block for the tokens so far, in place: `[1, groups, capacity, dim]` each. */
export class KeyValueCache {
  readonly #keys: Tensor;
  readonly #values: Tensor;

  constructor(shape: { groups: number; capacity: number; dim: number }, device: Backend) {
    const { groups, capacity, dim } = shape;
    this.#keys = zeros([1, groups, capacity, dim], { backend: device });
    this.#values = zeros([1, groups, capacity, dim], { backend: device });
  }

  /** Writes those of tokens from position `start` on and gives all up to them. */
  after(start: number): ExtendKeys {
    return (keys, values) => {
      const end = start + keys.shape[2]!;
      const extend = (all: Tensor, own: Tensor) => {
        copyInto(slice(all, null, null, [start, end]), own);
        return slice(all, null, null, [0, end]);
      };
      return [extend(this.#keys, keys), extend(this.#values, values)];
    };
  }

  dispose(): void {
    this.#keys.dispose();
    this.#values.dispose();
  }
}
