import { existsSync } from "node:fs";
import { gpujs } from "@denoise-rotator/backend-gpujs";
import { deferredBackend } from "@denoise-rotator/backend-testkit";
import { wasm } from "@denoise-rotator/backend-wasm";
import { NoAdapterError, WebgpuMissingError, webgpu } from "@denoise-rotator/backend-webgpu";
import type { Backend } from "@denoise-rotator/core";
import { describe } from "vitest";

/** A backend that the suites of this folder run on. */
export interface TestedBackend {
  readonly name: string;
  /** Computes on a software adapter or on the host: suites do less there, so as to take seconds. */
  readonly slow: boolean;
  open(): Promise<Backend>;
  /** Why it cannot run here, if it cannot. */
  readonly missing?: string | undefined;
}

/** The software driver of Debian's chromium serves where none is named. */
const debianDriver = "/usr/lib/chromium/vk_swiftshader_icd.json";
if (process.env.VK_DRIVER_FILES === undefined && existsSync(debianDriver)) {
  process.env.VK_DRIVER_FILES = debianDriver;
}

/** Why tests on a WebGPU device are skipped: there is none and `DENOISE_ROTATOR_WEBGPU=required` does not ask for one. */
async function whyNoAdapter(): Promise<string | undefined> {
  if (process.env.DENOISE_ROTATOR_WEBGPU === "required") return undefined;
  try {
    await (await webgpu()).dispose();
    return undefined;
  } catch (error) {
    if (error instanceof NoAdapterError || error instanceof WebgpuMissingError) return error.message;
    throw error;
  }
}

export const noAdapter = await whyNoAdapter();

const testedBackends: readonly TestedBackend[] = [
  { name: "wasm", slow: false, open: wasm },
  // What no backend may demand of algorithms beyond the contract.
  { name: "deferred wasm", slow: true, open: async () => deferredBackend(await wasm()) },
  { name: "webgpu", slow: true, open: webgpu, missing: noAdapter },
  {
    ...{ name: "gpujs, webgpu", slow: true, missing: noAdapter },
    open: () => gpujs({ mode: "webgpu", onNotice: () => {} }),
  },
  { name: "gpujs, cpu", slow: true, open: () => gpujs({ mode: "cpu", onNotice: () => {} }) },
];

/** `describe` that is skipped where something is missing, with the reason in the name. */
export function describeUnless(missing: string | undefined, title: string, body: () => void): void {
  if (missing === undefined) describe(title, body);
  else describe.skip(`${title} (skipped: ${missing})`, body);
}

/** Declares a suite for every backend there is; those that cannot run here are skipped, with the reason in the name. */
export function describeOnBackends(title: string, body: (tested: TestedBackend) => void): void {
  for (const tested of testedBackends) {
    describeUnless(tested.missing, `${title} on ${tested.name}`, () => body(tested));
  }
}
