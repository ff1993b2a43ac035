import { DenoiseRotatorError } from "@denoise-rotator/core";

/** Stable codes of {@link CheckpointError}. */
export type CheckpointErrorCode =
  | "NOT_FOUND"
  | "MALFORMED"
  | "LIMIT"
  | "MISSING_TENSOR"
  | "DUPLICATE_TENSOR"
  | "WRONG_DTYPE"
  | "WRONG_SHAPE"
  | "PATTERN"
  | "NON_FINITE"
  | "OVERFLOW"
  | "INCOMPLETE"
  | "CONFIG"
  | "UNSUPPORTED_MODEL"
  | "TOKENIZER"
  | "CLOSED"
  | "WRITE_FAILED";

/** A checkpoint that cannot be read or written; the message names file and tensor or key, and what to do. */
export class CheckpointError extends DenoiseRotatorError {
  declare readonly code: CheckpointErrorCode;
  constructor(code: CheckpointErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}
