import { type ConformanceOptions, tolerances } from "@denoise-rotator/backend-testkit";
import { type WebgpuBackend, type WebgpuOptions, webgpu } from "../src/index.js";
import { isNode } from "../src/node-instance.js";

/** The backend the tests run on, in Node and in a page alike. */
export const open = (options: WebgpuOptions = {}): Promise<WebgpuBackend> => webgpu(options);

/** WGSL lets a device flush what is below the smallest normal number to zero, the results of plain arithmetic too. */
export const conformanceOptions: ConformanceOptions = {
  // Fewer in a page, where each sample takes longer.
  runs: isNode() ? 30 : 15,
  subnormals: false,
  tolerances: Object.fromEntries(
    (["add", "sub", "mul", "square"] as const).map((op) => [op, { ...tolerances[op], flush: true }]),
  ),
};
