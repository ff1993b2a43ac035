import { wasm } from "@denoise-rotator/backend-wasm";
import { type Backend, createCpuBackend } from "@denoise-rotator/core";
import type { BackendName } from "./options.js";

/** A backend by its name on the command line; the caller disposes of it. */
export const openBackend = async (name: BackendName): Promise<Backend> =>
  name === "wasm" ? wasm() : createCpuBackend();
