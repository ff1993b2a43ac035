import { DenoiseRotatorError } from "@denoise-rotator/core";

/** A rotation that is not orthogonal, does not fit the block, or lacks a part; the message says which. */
export class RotationError extends DenoiseRotatorError {
  constructor(message: string) {
    super("ROTATION", message);
  }
}

/** A block whose outputs changed when a rotation was absorbed. */
export class InvarianceError extends DenoiseRotatorError {
  readonly block: string;
  /** max|Δ| of the outputs relative to their root mean square or the token's. */
  readonly error: number;
  readonly tolerance: number;
  constructor(block: string, error: number, tolerance: number) {
    super(
      "INVARIANCE",
      `${block}: absorbing the rotation changed its outputs by ${error.toExponential(2)} of their rms, allowed are ${tolerance}: fold the norms first, and check the block's head layout`,
    );
    this.block = block;
    this.error = error;
    this.tolerance = tolerance;
  }
}
