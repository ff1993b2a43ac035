import type { MatmulTuning } from "./matmul/tune.js";

/** What is needed of `navigator.gpu`, or of what `create()` of the npm package `webgpu` returns. */
export interface WebgpuInstance {
  requestAdapter(options?: object): Promise<object | null>;
}

export interface WebgpuOptions {
  /** Which of several GPUs to prefer. Default: the implementation's choice. */
  readonly powerPreference?: "low-power" | "high-performance";
  /** Takes a software adapter where the implementation has one (Chromium's SwiftShader). Default false. */
  readonly forceFallback?: boolean;
  /** Node only: part of the name of the adapter to open. Default: the implementation's choice. */
  readonly adapter?: string;
  /**
   * Whether products with a factor stored in f16 multiply in 16 bits (sums stay in f32), which needs an adapter with
   * `shader-f16`. The other factor is rounded to f16 then, and must lie in its range. Default false.
   */
  readonly f16?: boolean;
  /**
   * Counts dispatches per operation and, where the adapter has `timestamp-query`, their time on the device; `profile()`
   * of the backend gives both. Every dispatch then is a pass of its own, which costs speed. Default false.
   */
  readonly profile?: boolean;
  /** Most bytes of device memory, idle buffers kept for reuse included. Default: what the device gives. */
  readonly maxMemoryBytes?: number;
  /** Most bytes of freed buffers kept for reuse. Default 256 MiB. */
  readonly maxIdleBytes?: number;
  /** How matrix products are spread over the device. Default: by the kind of adapter, nothing measured. */
  readonly matmul?: MatmulTuning;
  /**
   * Where `symmetricEigen` of linalg reduces a matrix to tridiagonal form: on the device, or on the host in f64. Default:
   * the device, but on a software adapter the host, which is quicker there.
   */
  readonly symmetricEigen?: "device" | "host";
  /** A WebGPU instance of your own, which you keep alive. Default: `navigator.gpu`, in Node the package `webgpu`. */
  readonly gpu?: WebgpuInstance;
}
