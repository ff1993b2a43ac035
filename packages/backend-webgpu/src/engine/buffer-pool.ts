import { OutOfMemoryError } from "@denoise-rotator/core";
import { BufferLimitError } from "../errors.js";
import type { Failures } from "./failures.js";
import { usage } from "./usage.js";

/** A device buffer that tensors take in turn. */
export interface Slab {
  readonly gpu: GPUBuffer;
  readonly id: number;
  readonly capacity: number;
  /** Number of the batch of commands that used it last. */
  batch: number;
  /** Why the device could not make it. */
  error?: Error;
}

export interface PoolOptions {
  readonly maxBytes: number;
  readonly maxIdleBytes: number;
  /** Most bytes one buffer may have. */
  readonly maxBufferBytes: number;
}

/**
 * Buffers by size class. One that is given back goes to whoever asks next: commands run in the order they are enqueued
 * in, so the next owner's come after all of the last one's. What lies idle beyond `maxIdleBytes` is destroyed, the longest
 * idle first, once the commands that use it are submitted.
 */
export class BufferPool {
  readonly #device: GPUDevice;
  readonly #failures: Failures;
  readonly #options: PoolOptions;
  /** By capacity; least recently used first within one, and across by `#idle`'s order. */
  readonly #free = new Map<number, Slab[]>();
  readonly #idle = new Set<Slab>();
  #doomed: Slab[] = [];
  #nextId = 1;
  #live = 0;
  #idleBytes = 0;
  #doomedBytes = 0;
  #peak = 0;

  constructor(device: GPUDevice, failures: Failures, options: PoolOptions) {
    this.#device = device;
    this.#failures = failures;
    this.#options = options;
  }

  /** Bytes in use. */
  get live(): number {
    return this.#live;
  }
  /** Bytes kept for reuse. */
  get idle(): number {
    return this.#idleBytes + this.#doomedBytes;
  }
  /** Whether so much waits to be destroyed that a submission is worth it. */
  get isOverfull(): boolean {
    return this.#doomedBytes > this.#options.maxIdleBytes;
  }
  get peak(): number {
    return this.#peak;
  }
  resetPeak(): void {
    this.#peak = this.#live;
  }

  /** `submit` is called where memory has to be given back to the device first. */
  take(byteLength: number, submit: () => void): Slab {
    const { maxBufferBytes, maxBytes } = this.#options;
    if (byteLength > maxBufferBytes) {
      throw new BufferLimitError(
        `a tensor of ${byteLength} bytes exceeds what this adapter binds at once, ${maxBufferBytes} bytes; ` +
          "split it, store it in 16 bits, or use another backend",
      );
    }
    const capacity = Math.min(sizeClass(byteLength), maxBufferBytes - (maxBufferBytes % 16));
    const slab = this.#reuse(capacity) ?? this.#create(capacity, byteLength, maxBytes, submit);
    this.#live += slab.capacity;
    this.#peak = Math.max(this.#peak, this.#live);
    return slab;
  }

  give(slab: Slab): void {
    this.#live -= slab.capacity;
    if (slab.error) return;
    this.#idle.add(slab);
    this.#idleBytes += slab.capacity;
    const list = this.#free.get(slab.capacity);
    if (list) list.push(slab);
    else this.#free.set(slab.capacity, [slab]);
    this.#evict(this.#options.maxIdleBytes);
  }

  /** To be called after every submission. */
  destroyDoomed(): void {
    for (const slab of this.#doomed) slab.gpu.destroy();
    this.#doomed = [];
    this.#doomedBytes = 0;
  }

  /** Lets go of everything that lies idle. */
  trim(): void {
    this.#evict(0);
  }

  #reuse(capacity: number): Slab | undefined {
    const slab = this.#free.get(capacity)?.pop();
    if (!slab) return undefined;
    this.#idle.delete(slab);
    this.#idleBytes -= capacity;
    return slab;
  }

  #create(capacity: number, byteLength: number, maxBytes: number, submit: () => void): Slab {
    if (this.#live + this.idle + capacity > maxBytes) {
      this.#evict(Math.max(0, maxBytes - this.#live - capacity));
      submit();
      this.destroyDoomed();
    }
    if (this.#live + capacity > maxBytes) {
      throw new OutOfMemoryError(
        `webgpu: ${byteLength} bytes asked for, ${this.#live} allocated, maxMemoryBytes is ${maxBytes}`,
      );
    }
    this.#failures.open();
    const gpu = this.#device.createBuffer({
      label: `tensor of ${capacity} bytes`,
      size: capacity,
      usage: usage.storage | usage.copySource | usage.copyTarget,
    });
    const { live, idle } = this;
    const slab: Slab = { gpu, id: this.#nextId++, capacity, batch: -1 };
    this.#failures.shut(
      () => `the allocation of ${byteLength} bytes (${live} allocated, ${idle} idle)`,
      (error) => {
        slab.error = error;
        if (this.#idle.has(slab)) this.#forget(slab);
        this.trim();
      },
    );
    return slab;
  }

  #evict(bytes: number): void {
    for (const slab of this.#idle) {
      if (this.#idleBytes <= bytes) return;
      this.#forget(slab);
      this.#doomedBytes += slab.capacity;
      this.#doomed.push(slab);
    }
  }

  #forget(slab: Slab): void {
    this.#idle.delete(slab);
    this.#idleBytes -= slab.capacity;
    const list = this.#free.get(slab.capacity)!;
    list.splice(list.indexOf(slab), 1);
  }
}

const large = 2 ** 24;

/** 256 bytes at least; four classes between powers of two, 32 beyond 16 MiB, where what is wasted counts. */
export function sizeClass(byteLength: number): number {
  if (byteLength <= 256) return 256;
  const step = 2 ** (Math.ceil(Math.log2(byteLength)) - (byteLength <= large ? 3 : 6));
  return Math.ceil(byteLength / step) * step;
}
