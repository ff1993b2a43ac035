import { OptionError } from "@denoise-rotator/core";
import { openCpu } from "./device/cpu-device.js";
import type { Device } from "./device/device.js";
import { openWebgl2 } from "./device/webgl2-device.js";
import { openWebgpu } from "./device/webgpu-device.js";
import { ModeUnavailableError } from "./errors.js";
import { type LibraryMode, loadLibrary } from "./library/library.js";
import { provideNavigatorGpu } from "./node-webgpu.js";

/** The best first. */
export const modes = ["webgpu", "webgl2", "cpu"] as const satisfies readonly LibraryMode[];
export type Mode = (typeof modes)[number];

async function open(mode: Mode): Promise<Device> {
  if (mode === "webgpu") await provideNavigatorGpu();
  const library = await loadLibrary();
  if (mode === "webgpu") return openWebgpu(library);
  return mode === "webgl2" ? openWebgl2(library) : openCpu(library);
}

/**
 * The device of `mode`, never another one; of `auto`, the first there is, and why those before it are not. Throws
 * {@link ModeUnavailableError}.
 */
export async function openDevice(
  mode: Mode | "auto",
): Promise<{ readonly device: Device; readonly passed: readonly string[] }> {
  if (mode !== "auto") {
    if (!modes.includes(mode)) {
      throw new OptionError(`gpujs: mode is ${mode}; give one of auto, ${modes.join(", ")}`);
    }
    return { device: await open(mode), passed: [] };
  }
  const passed: string[] = [];
  for (const one of modes) {
    try {
      return { device: await open(one), passed };
    } catch (error) {
      if (!(error instanceof ModeUnavailableError)) throw error;
      passed.push(error.message);
    }
  }
  throw new ModeUnavailableError("auto", passed.join("; "));
}
