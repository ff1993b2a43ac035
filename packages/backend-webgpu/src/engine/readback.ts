import { BackendError } from "@denoise-rotator/core";
import { sizeClass } from "./buffer-pool.js";
import type { WebgpuBuffer } from "./device-buffer.js";
import type { Failures } from "./failures.js";
import type { Recorder } from "./recorder.js";
import { mapModeRead, usage } from "./usage.js";

interface Staging {
  readonly gpu: GPUBuffer;
  readonly capacity: number;
}

/** Most bytes of staging buffers kept for the next read. */
const keptBytes = 2 ** 26;

/** Reads by way of buffers the host can map. */
export class Readback {
  readonly #device: GPUDevice;
  readonly #recorder: Recorder;
  readonly #failures: Failures;
  readonly #idle: Staging[] = [];
  #kept = 0;
  #closed = false;

  constructor(device: GPUDevice, recorder: Recorder, failures: Failures) {
    this.#device = device;
    this.#recorder = recorder;
    this.#failures = failures;
  }

  async read(buffer: WebgpuBuffer, byteOffset: number, byteLength: number): Promise<Uint8Array> {
    const first = byteOffset - (byteOffset % 4);
    const size = Math.max(4, Math.ceil((byteOffset + byteLength - first) / 4) * 4);
    const staging = this.#take(size);
    this.#recorder.copy(buffer, first, staging.gpu, 0, size);
    this.#recorder.submit();
    const check = this.#failures.checkpoint();
    const { lastOp, slab } = buffer;
    try {
      await staging.gpu.mapAsync(mapModeRead, 0, size);
    } catch (error) {
      await this.#explain(check, lastOp, error);
    }
    try {
      await check().catch((error) => {
        throw slab.error ?? error;
      });
      return new Uint8Array(staging.gpu.getMappedRange(0, size)).slice(
        byteOffset - first,
        byteOffset - first + byteLength,
      );
    } finally {
      staging.gpu.unmap();
      this.#give(staging);
    }
  }

  close(): void {
    this.#closed = true;
    for (const { gpu } of this.#idle) gpu.destroy();
    this.#idle.length = 0;
  }

  /** The loss of the device is told a little after its reads have failed. */
  async #explain(check: () => Promise<void>, lastOp: string, cause: unknown): Promise<never> {
    await Promise.race([this.#device.lost, new Promise((resolve) => setTimeout(resolve, 100))]);
    const { lost } = this.#failures;
    if (lost) throw lost.during(`the result of ${lastOp} was read`);
    await check();
    if (this.#closed) {
      throw new BackendError(`the webgpu backend was disposed of while the result of ${lastOp} was read`);
    }
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BackendError(`webgpu: the result of ${lastOp} could not be read: ${reason}`, { cause });
  }

  #take(size: number): Staging {
    const at = this.#idle.findLastIndex(({ capacity }) => capacity >= size && capacity <= 4 * size + 4096);
    if (at >= 0) {
      const staging = this.#idle.splice(at, 1)[0]!;
      this.#kept -= staging.capacity;
      return staging;
    }
    const capacity = sizeClass(size);
    this.#failures.open();
    const gpu = this.#device.createBuffer({
      label: `read of ${capacity} bytes`,
      size: capacity,
      usage: usage.mapRead | usage.copyTarget,
    });
    this.#failures.shut(() => `the reading of ${size} bytes`);
    return { gpu, capacity };
  }

  #give(staging: Staging): void {
    this.#idle.push(staging);
    this.#kept += staging.capacity;
    while (this.#closed ? this.#idle.length > 0 : this.#kept > keptBytes) {
      const oldest = this.#idle.shift()!;
      this.#kept -= oldest.capacity;
      oldest.gpu.destroy();
    }
  }
}
