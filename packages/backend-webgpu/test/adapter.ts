import { NoAdapterError, WebgpuMissingError } from "../src/index.js";
import { open } from "./open.js";

const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
const env = process?.env ?? {};

/** Debian's chromium brings a software Vulkan driver; it serves where none is named. */
const debianDriver = "/usr/lib/chromium/vk_swiftshader_icd.json";

/**
 * Why the tests on a device are skipped: no adapter was found and `DENOISE_ROTATOR_WEBGPU=required` does not ask for
 * one. `undefined` where they run.
 */
export async function whySkipped(): Promise<string | undefined> {
  if (env.VK_DRIVER_FILES === undefined && process?.env) {
    const { existsSync } = await import("node:fs");
    if (existsSync(debianDriver)) env.VK_DRIVER_FILES = debianDriver;
  }
  try {
    await (await open()).dispose();
    return undefined;
  } catch (error) {
    if (env.DENOISE_ROTATOR_WEBGPU === "required") return undefined;
    if (error instanceof NoAdapterError || error instanceof WebgpuMissingError) return error.message;
    throw error;
  }
}
