/** Stable codes of {@link HubError}. */
export type HubErrorCode =
  | "NOT_FOUND"
  | "READ_FAILED"
  | "OUT_OF_RANGE"
  | "NO_RANGE_SUPPORT"
  | "SOURCE_CHANGED"
  | "CLOSED"
  | "LOCKED"
  | "DAMAGED"
  | "OUTPUT_EXISTS"
  | "OUTPUT_REFUSED"
  | "NOT_WRITABLE"
  | "WRITE_FAILED"
  | "ACCESS_DENIED"
  | "UNREACHABLE"
  | "OFFLINE"
  | "CORRUPT";

/** A byte source or an output that cannot be used; the message names the file or address and what to do. */
export class HubError extends Error {
  readonly code: HubErrorCode;
  constructor(code: HubErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "HubError";
    this.code = code;
  }
}
