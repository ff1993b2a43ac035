import { BackendError, type DeviceBuffer } from "@denoise-rotator/core";
import type { OpenedDevice } from "../open-device.js";
import type { WebgpuOptions } from "../options.js";
import { BufferPool } from "./buffer-pool.js";
import { bufferOf, WebgpuBuffer } from "./device-buffer.js";
import type { Dispatch } from "./dispatch.js";
import { Failures } from "./failures.js";
import { type ProfileRow, Profiler } from "./profiler.js";
import { Readback } from "./readback.js";
import { batchDispatches, Recorder } from "./recorder.js";

const defaultIdleBytes = 2 ** 28;

/** A device with its memory and queue: what kernels work with. */
export class Engine {
  readonly device: GPUDevice;
  readonly limits: GPUSupportedLimits;
  /** Whether kernels may compute factors in 16 bits: the option `f16`. */
  readonly f16: boolean;
  readonly maxBufferBytes: number;
  /** `create()`'s result, which must outlive the device. */
  readonly instance: GPU;
  readonly pool: BufferPool;
  readonly failures: Failures;
  readonly #recorder: Recorder;
  readonly #readback: Readback;
  readonly #profiler: Profiler | undefined;
  #closed = false;

  constructor({ device, instance }: OpenedDevice, options: WebgpuOptions) {
    this.device = device;
    this.instance = instance;
    this.limits = device.limits;
    this.f16 = options.f16 ?? false;
    this.maxBufferBytes = Math.min(device.limits.maxBufferSize, device.limits.maxStorageBufferBindingSize);
    this.failures = new Failures(device);
    this.pool = new BufferPool(device, this.failures, {
      maxBytes: options.maxMemoryBytes ?? Number.POSITIVE_INFINITY,
      maxIdleBytes: options.maxIdleBytes ?? defaultIdleBytes,
      maxBufferBytes: this.maxBufferBytes,
    });
    this.#profiler = options.profile ? new Profiler(device, batchDispatches) : undefined;
    this.#recorder = new Recorder(device, this.failures, this.#profiler, () => this.pool.destroyDoomed());
    this.#readback = new Readback(device, this.#recorder, this.failures);
  }

  /** Compiled pipelines, for tests and benchmarks. */
  get pipelineCount(): number {
    return this.#recorder.pipelines.count;
  }

  allocate(byteLength: number): WebgpuBuffer {
    this.#live();
    return new WebgpuBuffer(
      byteLength,
      this.pool.take(byteLength, () => this.#recorder.submit()),
    );
  }

  /** The buffer may be freed while commands that use it wait: whoever gets its memory next is enqueued after them. */
  free(buffer: DeviceBuffer): void {
    if (this.#closed) return;
    this.pool.give(bufferOf(buffer).release());
    if (this.pool.isOverfull) this.#recorder.submit();
    if (!this.#recorder.isRecording) this.pool.destroyDoomed();
  }

  /** Enqueues one kernel. */
  dispatch(dispatch: Dispatch): void {
    this.#live();
    this.#recorder.dispatch(dispatch);
  }

  /** Enqueues a copy of bytes; offsets and size are multiples of 4. */
  copyBytes(
    source: DeviceBuffer,
    sourceOffset: number,
    target: DeviceBuffer,
    targetOffset: number,
    byteLength: number,
  ): void {
    this.#live();
    this.#recorder.copy(bufferOf(source), sourceOffset, bufferOf(target), targetOffset, byteLength);
  }

  /** Offset and size are multiples of 4. */
  writeWords(buffer: DeviceBuffer, byteOffset: number, bytes: Uint8Array): void {
    this.#live();
    this.#recorder.write(bufferOf(buffer), byteOffset, bytes);
  }

  async read(buffer: DeviceBuffer, byteOffset: number, byteLength: number): Promise<Uint8Array> {
    this.#live();
    return this.#readback.read(bufferOf(buffer), byteOffset, byteLength);
  }

  flush(): void {
    this.#live();
    this.#recorder.submit();
  }

  /** Empty unless the backend was opened with `profile`. */
  async profile(): Promise<ProfileRow[]> {
    this.flush();
    return this.#profiler?.report() ?? [];
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.failures.close();
    this.#readback.close();
    this.#recorder.destroy();
    this.device.destroy();
  }

  #live(): void {
    if (this.#closed) throw new BackendError("the webgpu backend was disposed of; create a new one");
    if (this.failures.lost) throw this.failures.lost;
  }
}
