import { DenoiseRotatorError } from "@denoise-rotator/core";

/** A sweep that cannot be run as its file says; the message names file, line and key. */
export class SweepError extends DenoiseRotatorError {
  constructor(message: string) {
    super("SWEEP", message);
  }
}
