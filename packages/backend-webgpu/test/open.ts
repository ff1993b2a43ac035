import { type WebgpuBackend, type WebgpuOptions, webgpu } from "../src/index.js";

/** The backend the tests run on, in Node and in a page alike. */
export const open = (options: WebgpuOptions = {}): Promise<WebgpuBackend> => webgpu(options);
