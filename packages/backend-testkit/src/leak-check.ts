import type { Backend } from "@denoise-rotator/core";
import { ConformanceError } from "./compare.js";

/** Runs `body` and throws {@link ConformanceError} unless `backend` has as many bytes allocated after it as before. */
export async function leakCheck<T>(backend: Backend, body: () => T | Promise<T>): Promise<T> {
  const before = backend.capabilities.allocatedBytes();
  const result = await body();
  const after = backend.capabilities.allocatedBytes();
  if (after !== before) {
    throw new ConformanceError(
      `${backend.name}: ${Math.abs(after - before)} bytes ${after > before ? "leaked" : "too many were freed"} ` +
        `(${before} allocated before, ${after} after)`,
    );
  }
  return result;
}
