import { nodeBuiltin } from "../threads/support.js";
import { v8Major } from "./features.js";

/**
 * Compiles a module so that V8 fuses pairs of 128-bit operations into 256-bit ones (`--experimental-wasm-revectorize`).
 * The flag stays on for what the process compiles afterwards: V8 has no narrower switch. The module is compiled at once
 * by the optimising compiler, so that what is checked is what will run. Without such a V8 it is compiled as usual.
 */
export function compileRevectorised(bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module {
  const v8 = nodeBuiltin("node:v8");
  if (!v8 || (v8Major() ?? 0) < 12) return new WebAssembly.Module(bytes);
  v8.setFlagsFromString("--experimental-wasm-revectorize");
  const passing = ["liftoff", "wasm-lazy-compilation"];
  for (const flag of passing) v8.setFlagsFromString(`--no-${flag}`);
  try {
    return new WebAssembly.Module(bytes);
  } finally {
    for (const flag of passing) v8.setFlagsFromString(`--${flag}`);
  }
}
