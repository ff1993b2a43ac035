/**
 * All of it at once; the parts are files of their own beside this one, over shared chunks. Where two have one name for what
 * differs, that of the second starts with what it is of.
 */
export * from "@denoise-rotator/backend-gpujs";
export { DeviceLostError as GpujsDeviceLostError } from "@denoise-rotator/backend-gpujs";
export * from "@denoise-rotator/backend-wasm";
export * from "@denoise-rotator/backend-webgpu";
export { DeviceLostError } from "@denoise-rotator/backend-webgpu";
export * from "@denoise-rotator/contracts";
export * from "@denoise-rotator/core";
export * from "@denoise-rotator/linalg";
export * from "@denoise-rotator/manifold";
export type { SiteReport } from "@denoise-rotator/pruners";
export * from "@denoise-rotator/pruners";
export type { SiteReport as RotatedSiteReport } from "@denoise-rotator/rotator";
export * from "@denoise-rotator/rotator";
