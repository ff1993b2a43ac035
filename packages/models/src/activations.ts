import { type Backend, fromTyped, NonFiniteError, OptionError, type Tensor } from "@denoise-rotator/core";

/** Tokens a batch holds unless said otherwise. */
const defaultBatchTokens = 2048;

/** Hidden states of windows of one length, on the host, in batches: what streams through the blocks. */
export class Activations {
  /** Windows. */
  readonly count: number;
  /** Tokens of a window. */
  readonly length: number;
  /** Hidden size. */
  readonly width: number;
  /** Windows of a batch; the last may hold fewer. */
  readonly batchWindows: number;
  readonly #batches: Float32Array[];

  constructor(
    shape: { count: number; length: number; width: number; batchWindows?: number | undefined },
    source?: Activations,
  ) {
    this.count = shape.count;
    this.length = shape.length;
    this.width = shape.width;
    this.batchWindows = shape.batchWindows ?? Math.max(1, Math.floor(defaultBatchTokens / shape.length));
    if (!Number.isInteger(this.batchWindows) || this.batchWindows < 1) {
      throw new OptionError(`activationBatch ${this.batchWindows} is not a number of windows ≥ 1`);
    }
    const batches = Math.ceil(this.count / this.batchWindows);
    if (source) this.#batches = [...source.#batches];
    else
      this.#batches = Array.from({ length: batches }, (_, batch) => {
        return new Float32Array(this.windowsIn(batch) * this.length * this.width);
      });
  }

  /** A second stream that starts with the same values; batches are shared until one of the two replaces its own. */
  fork(): Activations {
    return new Activations(this, this);
  }

  /** A stream of its own of the first windows, at most `count`. */
  first(count: number): Activations {
    const { length, width, batchWindows } = this;
    const part = new Activations({ count: Math.min(count, this.count), length, width, batchWindows });
    for (let i = 0; i < part.count; i++) part.window(i).set(this.window(i));
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

  /** The hidden states of window `index`, `[length, width]`; a view. */
  window(index: number): Float32Array {
    const size = this.length * this.width;
    const start = (index % this.batchWindows) * size;
    return this.#batches[Math.floor(index / this.batchWindows)]!.subarray(start, start + size);
  }

  /** A batch on the device, `[windows, length, width]`. The caller disposes. */
  upload(batch: number, device: Backend): Tensor {
    const shape = [this.windowsIn(batch), this.length, this.width];
    return fromTyped(this.#batches[batch]!, shape, "f32", device);
  }

  /** The named windows (default: all) as one tensor `[windows, length, width]`. The caller disposes. */
  uploadWindows(device: Backend, indices: readonly number[] = [...Array(this.count).keys()]): Tensor {
    const values = new Float32Array(indices.length * this.length * this.width);
    for (const [i, index] of indices.entries()) values.set(this.window(index), i * this.length * this.width);
    return fromTyped(values, [indices.length, this.length, this.width], "f32", device);
  }

  /**
   * Replaces a batch by its successor, read back from the device.
   *
   * @throws NonFiniteError naming `what` and the window.
   */
  replace(batch: number, values: Float32Array, what: string): void {
    for (let i = 0; i < values.length; i++) {
      if (Number.isFinite(values[i]!)) continue;
      const window = batch * this.batchWindows + Math.floor(i / (this.length * this.width));
      throw new NonFiniteError(`${what}: the outputs for window ${window} hold ${values[i]}`);
    }
    this.#batches[batch] = values;
  }
}

/** The values of an f32 tensor, waiting no longer than the backend needs. */
export async function readFloats(x: Tensor): Promise<Float32Array> {
  return (x.backend.readSync ? x.readSync() : await x.read()) as Float32Array;
}
