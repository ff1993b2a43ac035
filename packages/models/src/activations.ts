import { type Backend, fromTyped, NonFiniteError, OptionError, type Tensor } from "@denoise-rotator/core";
import { openActivations, writeActivations } from "./activation-file.js";
import { ActivationStorage, type StoredBatch } from "./activation-storage.js";

/** Tokens a batch holds unless said otherwise. */
const defaultBatchTokens = 2048;

/** Windows of a batch unless said otherwise: as many as make 2048 tokens, at least one. */
export const defaultBatchWindows = (length: number): number =>
  Math.max(1, Math.floor(defaultBatchTokens / length));

export interface ActivationShape {
  /** Windows. */
  readonly count: number;
  /** Tokens of a window. */
  readonly length: number;
  /** Hidden size. */
  readonly width: number;
  /** Windows of a batch; default as many as make 2048 tokens, at least one. */
  readonly batchWindows?: number | undefined;
}

/** Batches of activations that nobody disposed of are released when the collector finds them gone. */
const forgotten = new FinalizationRegistry<(StoredBatch | undefined)[]>(release);

/**
 * Hidden states of windows of one length, on the host, in batches: what streams through the blocks. Its storage decides
 * which batches are in memory and which on disk.
 */
export class Activations {
  /** Windows. */
  readonly count: number;
  /** Tokens of a window. */
  readonly length: number;
  /** Hidden size. */
  readonly width: number;
  /** Windows of a batch; the last may hold fewer. */
  readonly batchWindows: number;
  readonly #storage: ActivationStorage;
  /** `undefined` until it is written. */
  readonly #batches: (StoredBatch | undefined)[];

  /** Holds nothing until each batch has been given to {@link replace}. */
  constructor(shape: ActivationShape, storage: ActivationStorage = new ActivationStorage()) {
    this.count = shape.count;
    this.length = shape.length;
    this.width = shape.width;
    this.batchWindows = shape.batchWindows ?? defaultBatchWindows(shape.length);
    if (!Number.isInteger(this.batchWindows) || this.batchWindows < 1) {
      throw new OptionError(`activationBatch ${this.batchWindows} is not a number of windows ≥ 1`);
    }
    this.#storage = storage;
    this.#batches = Array.from({ length: Math.ceil(this.count / this.batchWindows) }, () => undefined);
    forgotten.register(this, this.#batches, this);
  }

  /**
   * Reads what {@link save} wrote, batch by batch, in the same batches.
   *
   * @throws {CheckpointError} or {HubError} naming the file.
   */
  static async load(path: string, storage?: ActivationStorage): Promise<Activations> {
    await using file = await openActivations(path);
    const activations = new Activations(file.shape, storage);
    for (let batch = 0; batch < activations.batchCount; batch++) {
      activations.replace(batch, await file.read(batch), path);
    }
    return activations;
  }

  /** Writes all batches to a safetensors file, exactly; it appears whole or not at all. */
  save(path: string): Promise<void> {
    return writeActivations(path, this, this.#storage.dtype, (batch) => this.#read(batch));
  }

  /** A second stream that starts with the same values; batches are shared until one of the two replaces its own. */
  fork(): Activations {
    const fork = new Activations(this, this.#storage);
    this.#batches.forEach((batch, i) => {
      fork.#batches[i] = batch?.share();
    });
    return fork;
  }

  /** A stream of its own of the first windows, at most `count`. */
  first(count: number): Activations {
    const { length, width, batchWindows } = this;
    const shape = { count: Math.min(count, this.count), length, width, batchWindows };
    const part = new Activations(shape, this.#storage);
    for (let batch = 0; batch < part.batchCount; batch++) {
      const values = this.#read(batch, 0, part.windowsIn(batch)).slice();
      part.replace(batch, values, "activations");
    }
    return part;
  }

  get batchCount(): number {
    return this.#batches.length;
  }
  get tokens(): number {
    return this.count * this.length;
  }

  /** Number of windows in a batch. */
  windowsIn(batch: number): number {
    return Math.min(this.batchWindows, this.count - batch * this.batchWindows);
  }

  /** The hidden states of window `index`, `[length, width]`; not to be changed. */
  window(index: number): Float32Array {
    const position = index % this.batchWindows;
    return this.#read(Math.floor(index / this.batchWindows), position, position + 1);
  }

  /** A batch on the device, `[windows, length, width]`. The caller disposes. */
  upload(batch: number, device: Backend): Tensor {
    const shape = [this.windowsIn(batch), this.length, this.width];
    return fromTyped(this.#read(batch), shape, "f32", device);
  }

  /** The named windows (default: all) as one tensor `[windows, length, width]`. The caller disposes. */
  uploadWindows(device: Backend, indices: readonly number[] = [...Array(this.count).keys()]): Tensor {
    const values = new Float32Array(indices.length * this.length * this.width);
    for (const [i, index] of indices.entries()) values.set(this.window(index), i * this.length * this.width);
    return fromTyped(values, [indices.length, this.length, this.width], "f32", device);
  }

  /**
   * Replaces a batch by its successor, read back from the device; takes `values` over.
   *
   * @throws NonFiniteError naming `what` and the window; {@link HubError} where it goes to disk and the disk is full.
   */
  replace(batch: number, values: Float32Array, what: string): void {
    for (let i = 0; i < values.length; i++) {
      if (Number.isFinite(values[i]!)) continue;
      const window = batch * this.batchWindows + Math.floor(i / (this.length * this.width));
      throw new NonFiniteError(`${what}: the outputs for window ${window} hold ${values[i]}`);
    }
    this.#batches[batch]?.release();
    this.#batches[batch] = undefined;
    this.#batches[batch] = this.#storage.store(values);
  }

  /** Releases memory and disk; the values are gone. */
  dispose(): void {
    forgotten.unregister(this);
    release(this.#batches);
  }
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Windows `[begin, end)` of a batch. */
  #read(batch: number, begin = 0, end = this.windowsIn(batch)): Float32Array {
    const stored = this.#batches[batch];
    if (!stored) throw new OptionError(`batch ${batch} of these activations was not written, or disposed of`);
    const size = this.length * this.width;
    return stored.read(begin * size, end * size);
  }
}

function release(batches: (StoredBatch | undefined)[]): void {
  batches.forEach((batch, i) => {
    batch?.release();
    batches[i] = undefined;
  });
}

/** The values of an f32 tensor, waiting no longer than the backend needs. */
export async function readFloats(x: Tensor): Promise<Float32Array> {
  return (x.backend.readSync ? x.readSync() : await x.read()) as Float32Array;
}
