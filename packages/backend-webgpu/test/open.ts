import { type ConformanceOptions, tolerances } from "@denoise-rotator/backend-testkit";
import { type WebgpuBackend, type WebgpuOptions, webgpu } from "../src/index.js";

/** The backend the tests run on, in Node and in a page alike. */
export const open = (options: WebgpuOptions = {}): Promise<WebgpuBackend> => webgpu(options);

/** WGSL lets a device flush what is below the smallest normal number to zero, the results of plain arithmetic too. */
export const conformanceOptions: ConformanceOptions = {
  runs: 30,
  subnormals: false,
  tolerances: Object.fromEntries(
    (["add", "sub", "mul", "square"] as const).map((op) => [op, { ...tolerances[op], flush: true }]),
  ),
};
