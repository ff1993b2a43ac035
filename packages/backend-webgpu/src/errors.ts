import { DenoiseRotatorError } from "@denoise-rotator/core";

/** There is no WebGPU here, or the npm package that brings it to Node is not installed. */
export class WebgpuMissingError extends DenoiseRotatorError {
  constructor(message: string, options?: ErrorOptions) {
    super("WEBGPU_MISSING", message, options);
  }
}

/** WebGPU is there but offers no adapter (no GPU, no driver, or none that fits the options). */
export class NoAdapterError extends DenoiseRotatorError {
  constructor(message: string) {
    super("WEBGPU_NO_ADAPTER", message);
  }
}

/** The adapter lacks a limit or feature that is needed; the message names it, what it is and what it should be. */
export class AdapterLimitError extends DenoiseRotatorError {
  constructor(message: string) {
    super("WEBGPU_ADAPTER_LIMIT", message);
  }
}

/** A tensor larger than the largest buffer the device can bind. */
export class BufferLimitError extends DenoiseRotatorError {
  constructor(message: string) {
    super("WEBGPU_BUFFER_LIMIT", message);
  }
}

/** The device was lost (driver reset, removed, destroyed from outside); the backend must be opened anew. */
export class DeviceLostError extends DenoiseRotatorError {
  readonly reason: string;
  /** `reason` is the device's own; `when` what was going on, if anything. */
  constructor(reason: string, when = "") {
    super(
      "WEBGPU_DEVICE_LOST",
      `the WebGPU device was lost${when && ` while ${when}`} (${reason}); its tensors are gone: dispose of the backend, ` +
        "open a new one and start over from data on the host",
    );
    this.reason = reason;
  }

  /** The same loss as it showed while something was going on. */
  during(when: string): DeviceLostError {
    return new DeviceLostError(this.reason, when);
  }
}

/** The device refused a command or ran into an internal error; the message names the operation. A bug worth reporting. */
export class DeviceError extends DenoiseRotatorError {
  constructor(message: string) {
    super("WEBGPU_DEVICE", message);
  }
}
