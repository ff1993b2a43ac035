import { OutOfMemoryError } from "@denoise-rotator/core";
import { DeviceLostError, KernelError, ModeUnavailableError } from "../errors.js";
import type { DeviceHandle, Library, LibraryKernel, WebgpuContext } from "../library/library.js";
import { identitySource } from "../sources/place.js";
import type { Device, DeviceArray } from "./device.js";
import { KernelCache } from "./kernel-cache.js";

/** gpu.js's handle of a buffer, which it counts the references of. */
interface WebgpuHandle extends DeviceHandle {
  readonly buffer: GPUBuffer;
}

/** GPUBufferUsage.STORAGE, COPY_SRC and COPY_DST, which Node has no names for. */
const storageUsage = 0x80 | 0x04 | 0x08;

/** gpu.js has one device for all its instances; it goes with the last backend that uses it. */
const users = new Map<WebgpuContext, Set<(error: GPUError) => void>>();

/** Backends that are about to use it. */
let opening = 0;

async function acquire(library: Library): Promise<WebgpuContext> {
  try {
    return await library.WebGPUContext.acquire();
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const what = message.includes("no adapter") ? "there is WebGPU but no adapter" : message;
    throw new ModeUnavailableError(
      "webgpu",
      `${what}; install the graphics driver (without a GPU: one in software, such as SwiftShader or lavapipe, named in ` +
        "VK_DRIVER_FILES; Chromium: --enable-unsafe-webgpu), or ask for another mode",
      { cause },
    );
  }
}

function listen(context: WebgpuContext, listener: (error: GPUError) => void): void {
  const listeners = users.get(context) ?? new Set();
  listeners.add(listener);
  if (listeners.size > 1) return;
  users.set(context, listeners);
  // In place of gpu.js's own, which writes to the console.
  context.device.onuncapturederror = (event) => {
    for (const each of listeners) each(event.error);
  };
}

/** gpu.js's compute shaders on `navigator.gpu`. Throws {@link ModeUnavailableError} without an adapter. */
export async function openWebgpu(library: Library): Promise<Device> {
  opening++;
  try {
    return await open(library);
  } finally {
    opening--;
  }
}

async function open(library: Library): Promise<Device> {
  const context = await acquire(library);
  const { device, adapter } = context;
  const kernels = new KernelCache("webgpu", new library({ mode: "webgpu" }), library.WebGPUKernel, "Array");
  let failure: GPUError | undefined;
  const note = (error: GPUError) => {
    failure ??= error;
  };
  /** Reads results back for all; made by the first run. */
  let reader: LibraryKernel | undefined;
  const assertAlive = () => {
    if (context.isLost) throw new DeviceLostError("the WebGPU device was lost");
  };

  const wrap = (buffer: GPUBuffer, length: number): DeviceArray => ({
    length,
    handle: new library.WebGPUBufferResult({
      buffer,
      output: [length],
      componentCount: 1,
      context,
      kernel: reader!,
    }),
  });

  const run: Device["run"] = async (source, args, length) => {
    assertAlive();
    const shortcut = kernels.get(source, length);
    const values = Object.keys(source.arguments).map((name) => {
      const value = args[name]!;
      return typeof value === "number" ? value : value.handle;
    });
    const handle = (await shortcut(...values)) as DeviceHandle;
    kernels.assertBuilt(shortcut, source);
    forgetOutput(shortcut.kernel);
    return { length, handle };
  };

  const upload = (values: Float32Array): DeviceArray => {
    assertAlive();
    const buffer = device.createBuffer({ size: values.byteLength, usage: storageUsage });
    device.queue.writeBuffer(buffer, 0, values as Float32Array<ArrayBuffer>);
    return wrap(buffer, values.length);
  };

  const release = ({ handle }: DeviceArray) => (handle as DeviceHandle).delete();

  // A kernel to read by, and the proof that this mode builds what it should.
  const shortcut = kernels.get(identitySource, 1);
  const first = (await shortcut(Float32Array.of(0))) as DeviceHandle;
  kernels.assertBuilt(shortcut, identitySource);
  forgetOutput(shortcut.kernel);
  first.delete();
  reader = shortcut.kernel;
  listen(context, note);

  const { maxStorageBufferBindingSize, maxBufferSize } = device.limits;
  return {
    mode: "webgpu",
    maxLength: Math.floor(Math.min(maxStorageBufferBindingSize, maxBufferSize) / 4),
    description: describeAdapter(adapter),
    upload,
    async download({ handle }) {
      assertAlive();
      return await (handle as DeviceHandle).toArray();
    },
    run,
    async runFours(source, args, threads) {
      const fours = await run(source, args, threads);
      const { buffer } = fours.handle as WebgpuHandle;
      try {
        return wrap(buffer, 4 * threads);
      } finally {
        release(fours);
      }
    },
    release,
    check() {
      assertAlive();
      const error = failure;
      failure = undefined;
      if (!error) return;
      if (error.constructor.name === "GPUOutOfMemoryError") {
        throw new OutOfMemoryError(
          `gpujs: the WebGPU device is out of memory (${error.message}); free tensors first`,
        );
      }
      throw new KernelError(`the WebGPU device refused a command: ${error.message}`);
    },
    async dispose() {
      await kernels.clear();
      const listeners = users.get(context);
      listeners?.delete(note);
      if (listeners?.size !== 0) return;
      users.delete(context);
      if (!context.isLost && opening === 0) await library.WebGPUContext.destroy();
    },
  };
}

/** Lets go of the kernel's last result, which it would keep until it runs again. */
function forgetOutput(kernel: LibraryKernel): void {
  const { outputBuffer } = kernel;
  if (!outputBuffer) return;
  outputBuffer._refs--;
  kernel.outputBuffer = null;
  kernel.bindGroupDirty = true;
}

function describeAdapter({ info }: GPUAdapter): Record<string, string> {
  const adapter = info.description || [info.vendor, info.architecture, info.device].filter(Boolean).join(" ");
  return adapter ? { adapter } : {};
}
