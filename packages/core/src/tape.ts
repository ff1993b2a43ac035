import type { OpDefinition } from "./define-op.js";
import { tidy, unscoped } from "./scope.js";
import type { Tensor } from "./tensor.js";

/** One applied operation: what its gradient needs. */
interface TapeNode {
  readonly op: OpDefinition<never>;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly attributes: never;
}

let active: Tape[] = [];

/**
 * The operations that lead from some tracked values to a result, in the order they ran. Walking it backwards visits
 * every operation after its consumers, so no sort and no recursion is needed. Tapes nest: while an inner tape is
 * walked the outer ones go on recording, which is what second derivatives are made of.
 */
export class Tape {
  readonly #tracked = new Set<number>();
  readonly #nodes: TapeNode[] = [];

  track(value: Tensor): void {
    this.#tracked.add(value.id);
  }
  tracks(value: Tensor): boolean {
    return this.#tracked.has(value.id);
  }

  record<A>(op: OpDefinition<A>, inputs: readonly Tensor[], outputs: readonly Tensor[], attributes: A): void {
    const keep = (values: readonly Tensor[]) => unscoped(() => values.map((value) => value.alias()));
    this.#nodes.push({
      op: op as OpDefinition<never>,
      inputs: keep(inputs),
      outputs: keep(outputs),
      attributes: attributes as never,
    });
    for (const output of outputs) this.track(output);
  }

  /** Runs `body` with this tape recording. */
  run<T>(body: () => T): T {
    const saved = active;
    active = [...saved, this];
    try {
      return body();
    } finally {
      active = saved;
    }
  }

  /** Cotangents by value id, starting from `seed` at `output`; only those of tracked values are formed. */
  backward(output: Tensor, seed: Tensor): Map<number, Tensor> {
    const cotangents = new Map([[output.id, seed]]);
    for (let i = this.#nodes.length - 1; i >= 0; i--) {
      const node = this.#nodes[i]!;
      const arriving = node.outputs.map(({ id }) => cotangents.get(id));
      if (arriving.every((cotangent) => cotangent === undefined)) continue;
      const wanted = node.inputs.map((input) => this.tracks(input));
      const leaving = tidy(() =>
        node.op.vjp!(arriving, {
          inputs: node.inputs,
          outputs: node.outputs,
          attributes: node.attributes,
          wanted,
        }).map((gradient, k) => (wanted[k] ? gradient : undefined)),
      );
      for (const { id } of node.outputs) cotangents.delete(id);
      leaving.forEach((gradient, k) => {
        if (!gradient) return;
        const { id } = node.inputs[k]!;
        const sum = cotangents.get(id);
        cotangents.set(id, sum ? sum.add(gradient) : gradient);
      });
    }
    return cotangents;
  }

  release(): void {
    for (const { inputs, outputs } of this.#nodes)
      for (const handle of [...inputs, ...outputs]) handle.dispose();
    this.#nodes.length = 0;
  }
}

/** Tapes that must hear of an operation on `inputs`. */
export const listeningTapes = (inputs: readonly Tensor[]): Tape[] =>
  active.length === 0 ? active : active.filter((tape) => inputs.some((input) => tape.tracks(input)));

/** Whether any tape is recording. */
export const isRecording = (): boolean => active.length > 0;

/** Whether a gradient with respect to any of `inputs` is being recorded. */
export const isTracked = (inputs: readonly Tensor[]): boolean => listeningTapes(inputs).length > 0;

/** Runs `body` with no tape recording. */
export function withoutTape<T>(body: () => T): T {
  const saved = active;
  active = [];
  try {
    return body();
  } finally {
    active = saved;
  }
}
