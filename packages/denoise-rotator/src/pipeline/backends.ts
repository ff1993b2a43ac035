import { wasm } from "@denoise-rotator/backend-wasm";
import { type Backend, createCpuBackend } from "@denoise-rotator/core";
import type { BackendName } from "./options.js";

/** How the wasm backend computes; the cpu backend knows neither. */
export interface BackendTuning {
  /** Threads of the wasm backend; default: what the machine has, at most 8. */
  readonly threads?: number;
  /** Experimental 256-bit kernels of the wasm backend; default false. */
  readonly turbo?: boolean;
}

/** A backend by its name on the command line; the caller disposes of it. Notices go to standard error. */
export async function openBackend(
  name: BackendName,
  { threads, turbo }: BackendTuning = {},
): Promise<Backend> {
  if (name === "cpu") return createCpuBackend();
  return wasm({
    ...(threads === undefined ? {} : { threads }),
    ...(turbo === undefined ? {} : { turbo }),
    onNotice: (notice) => process.stderr.write(`${notice}\n`),
  });
}
