import type { DeviceHandle, LibraryMode } from "../library/library.js";
import type { KernelSource } from "../sources/kernel-source.js";

/** 32-bit floats on the device: gpu.js's texture or buffer, or in mode `cpu` the array itself. */
export interface DeviceArray {
  readonly length: number;
  readonly handle: DeviceHandle | Float32Array;
}

/** One mode of gpu.js. What is handed out belongs to the caller, who releases it. */
export interface Device {
  readonly mode: LibraryMode;
  /** Most elements of one array. */
  readonly maxLength: number;
  /** For run records: what computes. */
  readonly description: Readonly<Record<string, string | number | boolean>>;
  upload(values: Float32Array): DeviceArray;
  download(array: DeviceArray): Promise<Float32Array>;
  /** Runs a kernel once per element of its result; `args` in the order of the source's arguments. */
  run(
    source: KernelSource,
    args: Readonly<Record<string, DeviceArray | number>>,
    length: number,
  ): Promise<DeviceArray>;
  /** As `run` for kernels that give four numbers, one after the other in `4 · threads` elements; where there is that. */
  runFours?(
    source: KernelSource,
    args: Readonly<Record<string, DeviceArray | number>>,
    threads: number,
  ): Promise<DeviceArray>;
  release(array: DeviceArray): void;
  /** Throws where the device is lost or has refused something since the last call. */
  check(): void;
  dispose(): Promise<void>;
}
