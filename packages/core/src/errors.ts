/** Base of every error this project throws on purpose: `code` is stable, the message says what to do. */
export class DenoiseRotatorError extends Error {
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** Shapes that do not fit an operation; the message names the operation and the shapes. */
export class ShapeError extends DenoiseRotatorError {
  constructor(message: string) {
    super("SHAPE", message);
  }
}

/** A dtype an operation cannot take. */
export class DTypeError extends DenoiseRotatorError {
  constructor(message: string) {
    super("DTYPE", message);
  }
}

/** Tensors of two backends in one operation, or a backend that lacks what is asked of it. */
export class BackendError extends DenoiseRotatorError {
  constructor(message: string, options?: ErrorOptions) {
    super("BACKEND", message, options);
  }
}

/** The backend's memory is exhausted; the message gives what was asked for and what there is. */
export class OutOfMemoryError extends DenoiseRotatorError {
  constructor(message: string) {
    super("OUT_OF_MEMORY", message);
  }
}

/** A tensor used after `dispose()`, or kept past the `tidy` that made it. */
export class DisposedError extends DenoiseRotatorError {
  constructor(message: string) {
    super("DISPOSED", message);
  }
}

/** An argument or option outside its range; the message names it. */
export class OptionError extends DenoiseRotatorError {
  constructor(message: string) {
    super("OPTION", message);
  }
}

/** NaN or infinity where only finite numbers make sense; the message names where they arose. */
export class NonFiniteError extends DenoiseRotatorError {
  constructor(message: string) {
    super("NON_FINITE", message);
  }
}

/** A Cholesky factorisation met a pivot that is not positive. */
export class NotPositiveDefiniteError extends DenoiseRotatorError {
  /** Index of the first pivot that is zero, negative or NaN. */
  readonly pivot: number;
  constructor(pivot: number, what: string) {
    super("NOT_POSITIVE_DEFINITE", `${what} is not positive definite: pivot ${pivot} is not positive`);
    this.pivot = pivot;
  }
}
