/// <reference path="./gpu-browser.d.ts" />

import { BackendError } from "@denoise-rotator/core";

/** The version of gpu.js that is bundled with this package. */
export { version as libraryVersion } from "gpu.js/package.json";

/** What this package uses of gpu.js. */
export interface Library {
  new (settings: { readonly mode: LibraryMode }): LibraryInstance;
  readonly WebGPUKernel: KernelClass;
  readonly WebGL2Kernel: KernelClass & { readonly features?: { readonly isFloatRead: boolean } | null };
  readonly CPUKernel: KernelClass;
  readonly WebGPUContext: {
    acquire(): Promise<WebgpuContext>;
    destroy(): Promise<void>;
  };
  readonly WebGPUBufferResult: new (settings: {
    readonly buffer: GPUBuffer;
    readonly output: readonly number[];
    readonly componentCount: number;
    readonly context: WebgpuContext;
    readonly kernel: LibraryKernel;
  }) => DeviceHandle;
  readonly utils: { closestSquareDimensions(length: number): Int32Array };
}
export type LibraryMode = "webgpu" | "webgl2" | "cpu";

export interface KernelClass {
  new (...args: never[]): LibraryKernel;
  readonly isSupported: boolean;
}

export interface LibraryInstance {
  createKernel(source: string, settings: KernelSettings): KernelShortcut;
  destroy(): Promise<void>;
}

export interface KernelSettings {
  readonly argumentTypes: Readonly<Record<string, string>>;
  readonly functions: readonly LibraryFunction[];
  readonly output: readonly number[];
  readonly precision: "single";
  readonly tactic: "precision";
  readonly pipeline: true;
  readonly immutable: true;
  readonly dynamicOutput: true;
  readonly dynamicArguments: true;
  readonly fixIntegerDivisionAccuracy: false;
  readonly loopMaxIterations: number;
}

/** A function kernels may call. */
export interface LibraryFunction {
  readonly source: string;
  readonly settings: {
    readonly argumentTypes: Readonly<Record<string, string>>;
    readonly returnType: string;
  };
}

/** What `createKernel` gives: a function with the kernel it now stands for. gpu.js may exchange that kernel. */
export interface KernelShortcut {
  (...args: unknown[]): unknown;
  readonly kernel: LibraryKernel;
  setOutput(output: readonly number[]): unknown;
  destroy(removeCanvas?: boolean): void;
}

/** The parts of gpu.js's kernels that differ by mode, read to assert what was built and to hand over results. */
export interface LibraryKernel {
  readonly compiledSource?: string | null;
  readonly compiledFragmentShader?: string | null;
  readonly kernelString?: string | null;
  /** WebGPU: the last result, which the kernel keeps a reference to until it runs again. */
  outputBuffer?: (GPUBuffer & { _refs: number }) | null;
  bindGroupDirty?: boolean;
  /** WebGL2: as `outputBuffer`; and the context. */
  readonly texture?: DeviceHandle | null;
  readonly context?: unknown;
}

export interface WebgpuContext {
  readonly adapter: GPUAdapter;
  readonly device: GPUDevice;
  readonly isLost: boolean;
}

/** A result kept on the device. */
export interface DeviceHandle {
  toArray(): Float32Array | Promise<Float32Array>;
  delete(): void;
}

let loading: Promise<Library> | undefined;

/** Loads gpu.js when it is first needed. */
export function loadLibrary(): Promise<Library> {
  loading ??= import("gpu.js/dist/gpu-browser.js").then((module) => {
    const library = (module.default ?? module) as Library;
    if (typeof library !== "function") {
      throw new BackendError(
        "gpujs: gpu.js did not load as a class; let your bundler handle CommonJS modules",
      );
    }
    return library;
  });
  return loading;
}
