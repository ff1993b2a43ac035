import { DenoiseRotatorError } from "@denoise-rotator/core";

/** Stable codes of {@link DatasetError}. */
export type DatasetErrorCode = "NOT_FOUND" | "MALFORMED" | "COLUMNS" | "LIMIT";

/** Rows that cannot be had; the message names file, row or column, and what there is instead. */
export class DatasetError extends DenoiseRotatorError {
  declare readonly code: DatasetErrorCode;
  constructor(code: DatasetErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}
