import { describe, it } from "vitest";
import { NoAdapterError, WebgpuMissingError } from "../src/index.js";
import { isNode } from "../src/node-instance.js";
import { open } from "./open.js";

/** Debian's chromium brings a software Vulkan driver; it serves where none is named. */
const debianDriver = "/usr/lib/chromium/vk_swiftshader_icd.json";

/**
 * Why the tests on a device are skipped: no adapter was found in Node and `DENOISE_ROTATOR_WEBGPU=required` does not ask
 * for one. `undefined` where they run: Chromium brings an adapter along.
 */
async function whySkipped(): Promise<string | undefined> {
  if (!isNode()) return undefined;
  const { env } = globalThis.process;
  if (env.VK_DRIVER_FILES === undefined) {
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

const reason = await whySkipped();

/** `describe` that runs where there is an adapter or one is asked for; elsewhere one skipped test says why not. */
export const describeOnDevice = describe.skipIf(reason !== undefined);
if (reason !== undefined) it("should find an adapter", (context) => context.skip(reason));
