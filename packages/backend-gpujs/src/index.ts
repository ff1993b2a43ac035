export { DeviceLimitError, DeviceLostError, KernelError, ModeUnavailableError } from "./errors.js";
export { type GpujsBackend, type GpujsOptions, gpujs } from "./gpujs-backend.js";
export type { Mode } from "./modes.js";
