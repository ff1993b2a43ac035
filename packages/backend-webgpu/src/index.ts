/// <reference types="@webgpu/types" />

export type { ProfileRow } from "./engine/profiler.js";
export * from "./errors.js";
export type { MatmulTuning, TuneCache } from "./matmul/tune.js";
export { type VariantName as MatmulVariant, variants as matmulVariants } from "./matmul/variants.js";
export type { WebgpuInstance, WebgpuOptions } from "./options.js";
export { type WebgpuBackend, webgpu } from "./webgpu-backend.js";
