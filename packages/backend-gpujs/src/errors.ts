import { DenoiseRotatorError } from "@denoise-rotator/core";

/** The mode asked for cannot run here, or gpu.js built something else in its place; the message says what to do. */
export class ModeUnavailableError extends DenoiseRotatorError {
  readonly mode: string;
  constructor(mode: string, message: string, options?: ErrorOptions) {
    super("GPUJS_MODE", `gpujs: mode ${mode} is not available: ${message}`, options);
    this.mode = mode;
  }
}

/** More elements than the largest texture or buffer of the device holds. */
export class DeviceLimitError extends DenoiseRotatorError {
  constructor(message: string) {
    super("GPUJS_LIMIT", `gpujs: ${message}`);
  }
}

/** The device is gone: its data is lost, the backend has to be created anew. */
export class DeviceLostError extends DenoiseRotatorError {
  constructor(message: string, options?: ErrorOptions) {
    super(
      "GPUJS_DEVICE_LOST",
      `gpujs: ${message}; its tensors are gone: dispose of the backend, create a new one and start over from data on the host`,
      options,
    );
  }
}

/** A kernel could not be built or run, or its data was not there; the message names it. */
export class KernelError extends DenoiseRotatorError {
  constructor(message: string, options?: ErrorOptions) {
    super("GPUJS_KERNEL", `gpujs: ${message}`, options);
  }
}
