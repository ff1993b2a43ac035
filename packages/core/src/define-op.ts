import { isFloat } from "./dtype.js";
import { BackendError } from "./errors.js";
import { isRecording, listeningTapes, withoutTape } from "./tape.js";
import type { Tensor } from "./tensor.js";

export interface VjpContext<A> {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly attributes: A;
  /** Which inputs a gradient is wanted of; others may be left `undefined`. */
  readonly wanted: readonly boolean[];
}

/** An operation: its shape rule and forward pass, and its gradient, written once and in terms of operations. */
export interface OpDefinition<A> {
  readonly name: string;
  /** Checks shapes (throwing `ShapeError` that names the op) and computes. Nothing in here is recorded. */
  forward(inputs: readonly Tensor[], attributes: A): Tensor | readonly Tensor[];
  /**
   * Gradients of the inputs from those of the outputs (`undefined` where the result does not depend on one).
   * Left out where the op has no derivative (comparisons, argsort): its outputs count as constants.
   */
  vjp?(cotangents: readonly (Tensor | undefined)[], context: VjpContext<A>): readonly (Tensor | undefined)[];
}

export interface Op<A> extends OpDefinition<A> {
  /** Applies the op and returns its only output. */
  apply(inputs: readonly Tensor[], attributes: A): Tensor;
  /** Applies the op and returns all its outputs. */
  applyAll(inputs: readonly Tensor[], attributes: A): readonly Tensor[];
}

/** Makes an operation that tapes record. */
export function defineOp<A = undefined>(definition: OpDefinition<A>): Op<A> {
  const applyAll = (inputs: readonly Tensor[], attributes: A): readonly Tensor[] => {
    for (const input of inputs) input.assertUsable();
    checkOneBackend(definition.name, inputs);
    if (!isRecording()) return listOf(definition.forward(inputs, attributes));
    const result = withoutTape(() => definition.forward(inputs, attributes));
    const outputs = listOf(result);
    if (definition.vjp && outputs.some(({ dtype }) => isFloat(dtype))) {
      for (const tape of listeningTapes(inputs)) tape.record(definition, inputs, outputs, attributes);
    }
    return outputs;
  };
  return { ...definition, applyAll, apply: (inputs, attributes) => applyAll(inputs, attributes)[0]! };
}

const listOf = (result: Tensor | readonly Tensor[]): readonly Tensor[] =>
  Array.isArray(result) ? (result as readonly Tensor[]) : [result as Tensor];

function checkOneBackend(name: string, inputs: readonly Tensor[]): void {
  for (let i = 1; i < inputs.length; i++) {
    const [first, other] = [inputs[0]!.backend, inputs[i]!.backend];
    if (other !== first) {
      throw new BackendError(
        `${name}: tensors live on backends ${first.name} and ${other.name}; move one with to()`,
      );
    }
  }
}
