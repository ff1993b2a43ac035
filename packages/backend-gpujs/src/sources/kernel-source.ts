import type { LibraryFunction } from "../library/library.js";

/** `array`: 32-bit floats; `integer` and `float`: one number each. */
export type ArgumentKind = "array" | "integer" | "float";

/**
 * A kernel in the JavaScript that gpu.js translates. Kept as text with the types of its arguments, since minifiers turn
 * functions into what the translator refuses. The result has one dimension, indexed by `this.thread.x`.
 *
 * Only a variable that is declared as a literal and incremented somewhere is an integer to the translator, all others are
 * floats, which lose count beyond 2^24: hence declarations such as `let at = 0; at++;`.
 */
export interface KernelSource {
  /** Tells kernels apart: equal names have equal text. */
  readonly name: string;
  readonly arguments: Readonly<Record<string, ArgumentKind>>;
  readonly functions: readonly LibraryFunction[];
  /** The statements of the function. */
  readonly body: string;
}

/** Declares integers, as the translator understands them. */
export const integers = (...names: readonly string[]): string =>
  names.map((name) => `let ${name} = 0; ${name}++;`).join(" ");
