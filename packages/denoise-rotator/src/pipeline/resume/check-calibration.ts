import { createHash } from "node:crypto";
import { DenoiseRotatorError } from "@denoise-rotator/core";
import type { RunState } from "./run-state.js";

/**
 * Remembers which calibration windows a run has, or compares them with those it had.
 *
 * @throws DenoiseRotatorError where they are others.
 */
export async function checkCalibration(state: RunState, windows: readonly Int32Array[]): Promise<void> {
  const hash = createHash("sha256");
  for (const window of windows) {
    hash.update(new Uint8Array(window.buffer, window.byteOffset, window.byteLength));
  }
  const digest = hash.digest("hex");
  const before = state.last("calibration")?.digest;
  if (before === undefined) await state.remember({ kind: "calibration", digest });
  else if (before !== digest) {
    throw new DenoiseRotatorError(
      "RESUME",
      "cannot resume: --calibration gives other windows than before; start afresh with --force and without --resume",
    );
  }
}
