import {
  type Backend,
  BackendError,
  type Capabilities,
  DenoiseRotatorError,
  type DeviceBuffer,
  formatShape,
  type Operand,
  type RequiredKernels,
} from "@denoise-rotator/core";
import type { Device } from "./device/device.js";
import { kernelClassName } from "./device/kernel-cache.js";
import { DeviceLimitError, KernelError } from "./errors.js";
import { bindKernels, type Effects, type HostKernel, hostKernels } from "./kernels/bind.js";
import { Executor } from "./kernels/executor.js";
import { libraryVersion } from "./library/library.js";
import { bufferOf, coversBuffer, type GpujsBuffer } from "./memory/buffer.js";
import { Memory } from "./memory/memory.js";
import { TaskQueue } from "./memory/queue.js";
import { type Mode, openDevice } from "./modes.js";

export interface GpujsOptions {
  /**
   * What gpu.js builds its kernels for: compute shaders, fragment shaders or JavaScript functions. Default `auto`: the
   * first of the three there is; `capabilities.description.mode` says which.
   */
  readonly mode?: Mode | "auto";
  /** Hears, once, that kernels run on the host. Default: a warning on the console. */
  readonly onNotice?: (notice: string) => void;
}

/** A backend that can be released with `await using`. */
export type GpujsBackend = Backend & AsyncDisposable;

/**
 * gpu.js as a backend. In Node, mode `webgpu` takes the npm package `webgpu` (0.6.2).
 *
 * @throws ModeUnavailableError where the mode asked for cannot run; another one is never taken in its place.
 */
export async function gpujs(options: GpujsOptions = {}): Promise<GpujsBackend> {
  const { mode = "auto", onNotice = (notice: string) => console.warn(notice) } = options;
  const { device, passed } = await openDevice(mode);
  return new Gpujs(device, { requested: mode, passed, onNotice });
}

interface Settings {
  readonly requested: string;
  readonly passed: readonly string[];
  readonly onNotice: (notice: string) => void;
}

/** The backend on an open device. */
export class Gpujs implements GpujsBackend {
  readonly name = "gpujs";
  readonly capabilities: Capabilities;
  readonly kernels: RequiredKernels;
  readonly #device: Device;
  readonly #memory: Memory;
  readonly #executor: Executor;
  readonly #queue = new TaskQueue();
  readonly #buffers = new Set<GpujsBuffer>();
  readonly #onNotice: (notice: string) => void;
  #allocated = 0;
  #noticed = false;
  #disposal: Promise<void> | undefined;

  constructor(device: Device, { requested, passed, onNotice }: Settings) {
    this.#device = device;
    this.#memory = new Memory(device);
    this.#executor = new Executor(this.#memory);
    this.#onNotice = onNotice;
    this.kernels = bindKernels(
      (name, effects, work) => this.#enqueue(name, effects, work),
      (kernel) => this.#noticeHost(kernel),
    );
    this.capabilities = {
      dtypes: ["f32", "i32", "bool", "f16", "bf16"],
      hostKernels,
      maxBufferBytes: device.maxLength * 4,
      allocatedBytes: () => this.#allocated,
      description: {
        mode: device.mode,
        requested,
        kernels: kernelClassName(device.mode),
        gpujs: libraryVersion,
        ...device.description,
        ...(passed.length > 0 ? { passed: passed.join("; ") } : {}),
      },
    };
  }

  allocate(byteLength: number): DeviceBuffer {
    this.#live();
    const { maxBufferBytes } = this.capabilities;
    if (byteLength > maxBufferBytes) {
      throw new DeviceLimitError(
        `a tensor of ${byteLength} bytes was asked for, mode ${this.#device.mode} holds at most ${maxBufferBytes} in one; ` +
          "split it, or take another backend",
      );
    }
    const buffer: GpujsBuffer = {
      byteLength,
      host: undefined,
      device: undefined,
      error: undefined,
      freed: false,
    };
    this.#buffers.add(buffer);
    this.#allocated += byteLength;
    return buffer;
  }

  free(handle: DeviceBuffer): void {
    const buffer = handle as GpujsBuffer;
    if (buffer.freed) return;
    buffer.freed = true;
    this.#allocated -= buffer.byteLength;
    if (this.#disposal) return;
    // After the last of the tasks that use it.
    this.#queue.push(async () => {
      this.#memory.release(buffer);
      this.#buffers.delete(buffer);
    });
  }

  write(handle: DeviceBuffer, byteOffset: number, bytes: Uint8Array): void {
    this.#live();
    const buffer = handle as GpujsBuffer;
    const whole = byteOffset === 0 && bytes.length === buffer.byteLength;
    const now = bytes.slice();
    this.#queue.push(async () => {
      try {
        if (whole) {
          this.#memory.release(buffer);
          buffer.error = undefined;
        }
        this.#memory.host.write(await this.#memory.toHost(buffer), byteOffset, now);
      } catch (error) {
        buffer.error = named(error, "write");
      }
    });
  }

  async read(handle: DeviceBuffer, byteOffset: number, byteLength: number): Promise<Uint8Array> {
    this.#live();
    const buffer = handle as GpujsBuffer;
    return this.#queue.ask(async () => {
      if (buffer.error !== undefined) throw buffer.error;
      try {
        const bytes = await this.#executor.read(buffer, byteOffset, byteLength);
        this.#device.check();
        return bytes;
      } catch (error) {
        throw named(error, "read");
      }
    });
  }

  /** Work starts by itself; there is nothing to start. */
  flush(): void {}

  dispose(): Promise<void> {
    this.#disposal ??= this.#queue.ask(async () => {
      for (const buffer of this.#buffers) this.#memory.release(buffer);
      this.#buffers.clear();
      this.#allocated = 0;
      await this.#device.dispose();
    });
    return this.#disposal;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  #live(): void {
    if (this.#disposal) throw new BackendError("the gpujs backend was disposed; create a new one");
  }

  #enqueue(name: string, effects: Effects, work: (run: Executor) => Promise<void>): void {
    this.#live();
    const { read, written, updated = [] } = effects;
    const needed = [...read, ...updated, ...written.filter((out) => !coversBuffer(out))].map(bufferOf);
    const changed = [...written, ...updated].map(bufferOf);
    this.#queue.push(async () => {
      const failed = needed.find(({ error }) => error !== undefined);
      let error = failed?.error;
      if (!failed) {
        try {
          await work(this.#executor);
        } catch (cause) {
          error = named(cause, describe(name, effects));
        }
      }
      for (const buffer of changed) buffer.error = error;
    });
  }

  #noticeHost(kernel: HostKernel): void {
    if (this.#noticed) return;
    this.#noticed = true;
    const others = hostKernels.filter((name) => name !== kernel).join(", ");
    this.#onNotice(
      `gpujs: ${kernel} runs on the host, where its operands go and from where its result comes back, ` +
        `as for ${others}; integers and 16-bit floats live there`,
    );
  }
}

const describe = (name: string, { read, written, updated = [] }: Effects): string =>
  `${name} of ${[...read, ...updated, ...written].map((x: Operand) => `${x.dtype}${formatShape(x.shape)}`).join(", ")}`;

/** The error with what was going on in its message. */
function named(error: unknown, what: string): unknown {
  if (!(error instanceof DenoiseRotatorError)) {
    return new KernelError(`${what}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
  if (!error.message.includes(` in ${what}`)) error.message += ` (in ${what})`;
  return error;
}
