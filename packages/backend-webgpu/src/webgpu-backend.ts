import {
  type Backend,
  type Capabilities,
  type DeviceBuffer,
  type Kernels,
  OptionError,
} from "@denoise-rotator/core";
import { Engine } from "./engine/engine.js";
import type { ProfileRow } from "./engine/profiler.js";
import { bindKernels } from "./kernels/index.js";
import { arrangeSparse24 } from "./kernels/sparse24.js";
import { adapterKind } from "./matmul/preferences.js";
import { prepareMatmul } from "./matmul/tune.js";
import { type OpenedDevice, openDevice } from "./open-device.js";
import type { WebgpuOptions } from "./options.js";
import { writeBytes } from "./transfer.js";

export interface WebgpuBackend extends Backend, AsyncDisposable {
  /**
   * What ran since the last call, by operation, the longest first; empty unless opened with `profile`. Waits for what is
   * enqueued.
   */
  profile(): Promise<ProfileRow[]>;
}

/**
 * Opens a device: `navigator.gpu` where there is one, in Node the npm package `webgpu`, an optional peer.
 * Throws {@link WebgpuMissingError} without WebGPU, {@link NoAdapterError} without an adapter, {@link AdapterLimitError}
 * where the adapter lacks what is needed or asked for and {@link OptionError} for an option out of range.
 */
export async function webgpu(options: WebgpuOptions = {}): Promise<WebgpuBackend> {
  for (const name of ["maxMemoryBytes", "maxIdleBytes"] as const) {
    const value = options[name];
    if (value !== undefined && (!Number.isInteger(value) || value < 0)) {
      throw new OptionError(`${name} is ${value}; give a whole number of bytes`);
    }
  }
  const opened = await openDevice(options);
  const engine = new Engine(opened, options);
  try {
    const software = adapterKind(engine) !== "gpu";
    return new Webgpu(opened, engine, {
      matmul: await prepareMatmul(engine, options.matmul),
      symmetricEigen: options.symmetricEigen ?? (software ? "host" : "device"),
    });
  } catch (error) {
    engine.close();
    throw error;
  }
}

/** What was chosen for the adapter. */
interface Choices {
  /** The variant of large matrix products. */
  readonly matmul: string;
  readonly symmetricEigen: "device" | "host";
}

class Webgpu implements WebgpuBackend {
  readonly name = "webgpu";
  readonly capabilities: Capabilities;
  readonly kernels: Kernels;
  readonly arrangeSparse24 = arrangeSparse24;
  readonly #engine: Engine;

  constructor({ info, engine: runtime }: OpenedDevice, engine: Engine, choices: Choices) {
    this.#engine = engine;
    this.kernels = bindKernels(engine, choices.symmetricEigen);
    this.capabilities = {
      dtypes: ["f32", "i32", "bool", "f16", "bf16"],
      hostKernels: [],
      maxBufferBytes: engine.maxBufferBytes,
      halfFactors: true,
      allocatedBytes: () => engine.pool.live,
      peakBytes: () => engine.pool.peak,
      resetPeakBytes: () => engine.pool.resetPeak(),
      description: {
        engine: runtime,
        vendor: info.vendor,
        architecture: info.architecture,
        adapter: info.description || info.device,
        f16: engine.f16,
        ...choices,
      },
    };
  }

  allocate(byteLength: number): DeviceBuffer {
    return this.#engine.allocate(byteLength);
  }

  free(buffer: DeviceBuffer): void {
    this.#engine.free(buffer);
  }

  write(buffer: DeviceBuffer, byteOffset: number, bytes: Uint8Array): void {
    writeBytes(this.#engine, buffer, byteOffset, bytes);
  }

  read(buffer: DeviceBuffer, byteOffset: number, byteLength: number): Promise<Uint8Array> {
    return this.#engine.read(buffer, byteOffset, byteLength);
  }

  flush(): void {
    this.#engine.flush();
  }

  profile(): Promise<ProfileRow[]> {
    return this.#engine.profile();
  }

  async dispose(): Promise<void> {
    this.#engine.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}
