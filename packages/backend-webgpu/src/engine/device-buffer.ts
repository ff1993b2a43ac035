import { BackendError, type DeviceBuffer } from "@denoise-rotator/core";
import type { Slab } from "./buffer-pool.js";

/** What the backend hands out: a place in the pool until it is freed. */
export class WebgpuBuffer {
  readonly byteLength: number;
  #slab: Slab | undefined;
  /** The operation that wrote last, for messages. */
  lastOp = "allocate";

  constructor(byteLength: number, slab: Slab) {
    this.byteLength = byteLength;
    this.#slab = slab;
  }

  get slab(): Slab {
    if (!this.#slab)
      throw new BackendError(`webgpu: buffer of ${this.byteLength} bytes used after it was freed`);
    return this.#slab;
  }

  release(): Slab {
    const { slab } = this;
    this.#slab = undefined;
    return slab;
  }
}

export const bufferOf = (buffer: DeviceBuffer): WebgpuBuffer => buffer as WebgpuBuffer;
