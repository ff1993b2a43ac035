import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { freshTemporaryPath, syncDirectory } from "@denoise-rotator/hub";
import { isWeightDType, storageBits } from "./dtypes.js";
import { CheckpointError } from "./errors.js";
import { openPart, writeFailed, writeFully } from "./part-file.js";
import type { TensorInfo } from "./safetensors-header.js";
import { planLayout, type SafetensorsLayout, type WriteEntry } from "./safetensors-layout.js";
import { missingTensor } from "./suggest.js";
import { checkStorable, encodeWeights, weightBytes } from "./weight-codec.js";

/** Values converted at once, which bounds the memory a write needs. */
const chunkValues = 2 ** 22;

export interface SafetensorsWriterOptions {
  /** The header's `__metadata__`. */
  metadata?: Readonly<Record<string, string>>;
  /**
   * Names of tensors that an earlier writer of the same entries wrote, and flushed by `sync`, before it was given up. With it,
   * empty at first, what is given up stays beside `path` for the next one.
   */
  written?: ReadonlySet<string>;
}

/**
 * Starts a safetensors file whose tensors are known but not yet computed; they are then written in any order, each to
 * its place. The file appears at `path` on `finish`, nothing remains after `abort`.
 */
export async function createSafetensors(
  path: string,
  entries: readonly WriteEntry[],
  options: SafetensorsWriterOptions = {},
): Promise<SafetensorsWriter> {
  const layout = planLayout(path, entries, options.metadata ?? {});
  const { written } = options;
  if (written) return new SafetensorsWriter(path, await openPart(path, layout, written), layout, written);
  const temporary = await freshTemporaryPath(path);
  let handle: FileHandle | undefined;
  try {
    handle = await open(temporary, "wx");
    await handle.truncate(layout.fileSize);
    await writeFully(handle, layout.header, 0);
  } catch (cause) {
    await handle?.close();
    await rm(temporary, { force: true });
    throw writeFailed(path, cause);
  }
  return new SafetensorsWriter(path, { handle, temporary }, layout);
}

/** A safetensors file being written; see `createSafetensors`. Leaving its `await using` scope unfinished aborts. */
export class SafetensorsWriter implements AsyncDisposable {
  readonly path: string;
  readonly #temporary: string;
  readonly #handle: FileHandle;
  /** Whether what is given up stays. */
  readonly #kept: boolean;
  readonly #tensors: ReadonlyMap<string, TensorInfo>;
  /** Bytes written so far of the tensors not yet complete. */
  readonly #pending: Map<string, number>;
  #running = 0;
  #failure: unknown;
  #open = true;

  /** @internal Use `createSafetensors`. */
  constructor(
    path: string,
    file: { readonly handle: FileHandle; readonly temporary: string },
    layout: SafetensorsLayout,
    written?: ReadonlySet<string>,
  ) {
    this.path = path;
    this.#temporary = file.temporary;
    this.#handle = file.handle;
    this.#kept = written !== undefined;
    this.#tensors = layout.tensors;
    const missing = [...layout.tensors.keys()].filter((name) => !written?.has(name));
    this.#pending = new Map(missing.map((name) => [name, 0]));
  }

  /** Whether every tensor has been written, and every write has ended well. */
  get complete(): boolean {
    return this.#pending.size === 0 && this.#running === 0 && this.#failure === undefined;
  }

  /** Whether all of a tensor was given to `write` or `writeRows`, now or by an earlier writer. */
  has(name: string): boolean {
    return this.#tensors.has(name) && !this.#pending.has(name);
  }

  /**
   * Writes a whole tensor: f32 values, rounded to the entry's dtype, or its bytes as they will be stored.
   * NaN, infinity and values too large for the dtype are errors that name the tensor.
   */
  async write(name: string, data: Float32Array | Uint8Array): Promise<void> {
    const info = this.#claim(name);
    const where = `${this.path}: tensor "${name}"`;
    const given = data instanceof Float32Array ? data.length * valueBytes(where, info) : data.byteLength;
    if (this.#pending.get(name) !== 0) throw rowsOutOfOrder(where);
    if (given !== info.end - info.begin) {
      const what = data instanceof Float32Array ? "values" : "bytes";
      throw new CheckpointError(
        "WRONG_SHAPE",
        `${where} of dtype ${info.dtype} and shape [${info.shape}] was given ${data.length} ${what}`,
      );
    }
    await this.#append(name, info, data);
  }

  /**
   * Writes rows of a tensor's first axis from row `begin` on, as values or as bytes; the rows of one tensor are written in
   * order.
   */
  async writeRows(name: string, begin: number, data: Float32Array | Uint8Array): Promise<void> {
    const info = this.#claim(name);
    const where = `${this.path}: tensor "${name}"`;
    const rowValues = info.shape.slice(1).reduce((total, size) => total * size, 1);
    const rowBytes = rowValues * (storageBits(info.dtype) / 8);
    if (this.#pending.get(name) !== begin * rowBytes) throw rowsOutOfOrder(where);
    const values = data instanceof Float32Array;
    const bytes = values ? data.length * valueBytes(where, info) : data.length;
    if (bytes % rowBytes !== 0 || begin * rowBytes + bytes > info.end - info.begin) {
      const what = values ? "values" : "bytes";
      throw new CheckpointError(
        "WRONG_SHAPE",
        `${where} of shape [${info.shape}] was given ${data.length} ${what} as rows from row ${begin} on`,
      );
    }
    await this.#append(name, info, data);
  }

  /** Flushes what was written so far to the disk. */
  async sync(): Promise<void> {
    this.#checkOpen();
    try {
      await this.#handle.datasync();
    } catch (cause) {
      throw writeFailed(this.path, cause);
    }
  }

  /** Flushes the file and gives it its name. A tensor that was not written is an error. */
  async finish(): Promise<void> {
    this.#checkOpen();
    const [missing] = this.#pending.keys();
    if (missing !== undefined) {
      throw new CheckpointError(
        "INCOMPLETE",
        `${this.path}: ${this.#pending.size} tensors were not written, "${missing}" among them`,
      );
    }
    if (!this.complete) {
      throw new CheckpointError("INCOMPLETE", `${this.path}: a write failed or was not awaited`, {
        cause: this.#failure,
      });
    }
    this.#open = false;
    try {
      await this.#handle.sync();
      await this.#handle.close();
      await rename(this.#temporary, this.path);
      await syncDirectory(dirname(this.path));
    } catch (cause) {
      if (!this.#kept) await rm(this.#temporary, { force: true });
      throw writeFailed(this.path, cause);
    }
  }

  /** Removes what was written, unless `written` was given. After `finish`, or a second time, it does nothing. */
  async abort(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#handle.close();
    if (!this.#kept) await rm(this.#temporary, { force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.abort();
  }

  #checkOpen(): void {
    if (!this.#open)
      throw new CheckpointError("CLOSED", `${this.path}: the file is finished or given up already`);
  }

  /** The place of a tensor that is still to be written. */
  #claim(name: string): TensorInfo {
    this.#checkOpen();
    const info = this.#tensors.get(name);
    if (!info) throw missingTensor(`${this.path}: its layout`, name, this.#tensors.keys());
    if (!this.#pending.has(name)) {
      throw new CheckpointError("DUPLICATE_TENSOR", `${this.path}: tensor "${name}" was written already`);
    }
    return info;
  }

  async #append(name: string, info: TensorInfo, data: Float32Array | Uint8Array): Promise<void> {
    const done = this.#pending.get(name)!;
    const values = data instanceof Float32Array;
    const bytes = values ? data.length * valueBytes(name, info) : data.byteLength;
    // Claimed before the first await: a second write of the same rows is refused, whatever the order of completion.
    if (done + bytes === info.end - info.begin) this.#pending.delete(name);
    else this.#pending.set(name, done + bytes);
    this.#running++;
    try {
      if (values) await this.#writeValues(name, info, done, data);
      else await this.#writeBytes(data, info.begin + done);
    } catch (error) {
      this.#failure = error;
      throw error;
    } finally {
      this.#running--;
    }
  }

  async #writeValues(name: string, info: TensorInfo, done: number, values: Float32Array): Promise<void> {
    const { dtype } = info;
    if (!isWeightDType(dtype)) return;
    const width = weightBytes[dtype];
    const where = `${this.path}: tensor "${name}"`;
    for (let i = 0; i < values.length; i += chunkValues) {
      const chunk = values.subarray(i, i + chunkValues);
      checkStorable(where, dtype, chunk, done / width + i);
      await this.#writeBytes(encodeWeights(dtype, chunk), info.begin + done + i * width);
    }
  }

  async #writeBytes(bytes: Uint8Array, position: number): Promise<void> {
    try {
      await writeFully(this.#handle, bytes, position);
    } catch (cause) {
      throw writeFailed(this.path, cause);
    }
  }
}

function valueBytes(where: string, { dtype }: TensorInfo): number {
  if (isWeightDType(dtype)) return weightBytes[dtype];
  throw new CheckpointError(
    "WRONG_DTYPE",
    `${where} is ${dtype}; give its bytes, only f32, f16 and bf16 take values`,
  );
}

const rowsOutOfOrder = (where: string): CheckpointError =>
  new CheckpointError("INCOMPLETE", `${where} must be written row after row, from the first on`);
