import { existsSync } from "node:fs";
import { gpujs } from "../src/index.js";

/** Debian's chromium brings a software Vulkan driver; it serves where none is named. */
const debianDriver = "/usr/lib/chromium/vk_swiftshader_icd.json";
if (process.env.VK_DRIVER_FILES === undefined && existsSync(debianDriver)) {
  process.env.VK_DRIVER_FILES = debianDriver;
}

/** Set by CI, which provides an adapter; elsewhere tests that need one run where there is one. */
export const adapterRequired = process.env.DENOISE_ROTATOR_WEBGPU === "required";

/** Why mode webgpu cannot run here; `undefined` if it can. */
export async function missingAdapter(): Promise<string | undefined> {
  try {
    await (await gpujs({ mode: "webgpu" })).dispose();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
