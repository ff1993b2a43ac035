import { NonFiniteError } from "./errors.js";
import { isFinite } from "./ops/elementwise.js";
import { all } from "./ops/reduce.js";
import { tidy } from "./scope.js";
import type { Tensor } from "./tensor.js";
import { item } from "./transfer.js";

/** Throws {@link NonFiniteError} naming `what` if any element of the float tensor is NaN or infinite. */
export async function assertFinite(x: Tensor, what: string): Promise<void> {
  using ok = tidy(() => all(isFinite(x)));
  if (!(await item(ok))) throw new NonFiniteError(`${what} holds NaN or infinity`);
}

/** As {@link assertFinite} for values on the host; the message gives the first offending index. */
export function assertFiniteValues(values: ArrayLike<number>, what: string): void {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i]!)) throw new NonFiniteError(`${what} holds ${values[i]} at index ${i}`);
  }
}
