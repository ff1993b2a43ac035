import type { Operand, RequiredKernels } from "@denoise-rotator/core";
import { binary, copy, fill, select, unary } from "./elementwise.js";
import type { Executor } from "./executor.js";
import { gather } from "./gather.js";
import { matmul } from "./matmul.js";
import { reduce } from "./reduce.js";

/** Kernels that the host runs on floats, which come from the device and go back to it. */
export const hostKernels = [
  "scatterAdd",
  "argsort",
  "smallest",
  "triangularSolve",
  "choleskyPanel",
  "qrPanel",
] as const satisfies readonly (keyof RequiredKernels)[];
export type HostKernel = (typeof hostKernels)[number];

/** What a kernel reads and writes, for errors to follow. */
export interface Effects {
  readonly read: readonly Operand[];
  /** Read as well, unless the whole buffer is written. */
  readonly written: readonly Operand[];
  /** Read and written. */
  readonly updated?: readonly Operand[];
}

/** Puts the work of a kernel into the queue. */
export type Enqueue = (name: string, effects: Effects, work: (run: Executor) => Promise<void>) => void;

/** The kernels of the contract; `onHost` hears of those in {@link hostKernels}. */
export function bindKernels(enqueue: Enqueue, onHost: (kernel: HostKernel) => void): RequiredKernels {
  const borrow = (
    name: HostKernel,
    effects: Effects,
    call: (run: Executor, read: readonly Operand[], changed: readonly Operand[]) => void,
  ) => {
    onHost(name);
    enqueue(name, effects, (run) => run.onHost(effects, (read, changed) => call(run, read, changed)));
  };
  return {
    fill: (out, value) => enqueue("fill", { read: [], written: [out] }, (run) => fill(run, out, value)),
    copy: (x, out) => enqueue("copy", { read: [x], written: [out] }, (run) => copy(run, x, out)),
    unary: (op, x, out) => enqueue(op, { read: [x], written: [out] }, (run) => unary(run, op, x, out)),
    binary: (op, a, b, out) =>
      enqueue(op, { read: [a, b], written: [out] }, (run) => binary(run, op, a, b, out)),
    select: (condition, a, b, out) =>
      enqueue("select", { read: [condition, a, b], written: [out] }, (run) =>
        select(run, condition, a, b, out),
      ),
    reduce: (op, x, axes, out) =>
      enqueue(op, { read: [x], written: [out] }, (run) => reduce(run, op, x, axes, out)),
    matmul: (a, b, out, options) =>
      enqueue(
        "matmul",
        options.accumulate ? { read: [a, b], written: [], updated: [out] } : { read: [a, b], written: [out] },
        (run) => matmul(run, a, b, out, options),
      ),
    gather: (x, indices, axis, out) =>
      enqueue("gather", { read: [x, indices], written: [out] }, (run) => gather(run, x, indices, axis, out)),
    scatterAdd: (x, indices, axis, out) =>
      borrow("scatterAdd", { read: [x, indices], written: [], updated: [out] }, ({ memory }, [a, at], [b]) =>
        memory.host.kernels.scatterAdd(a!, at!, axis, b!),
      ),
    argsort: (x, out, options) =>
      borrow("argsort", { read: [x], written: [out] }, ({ memory }, [a], [b]) =>
        memory.host.kernels.argsort(a!, b!, options),
      ),
    smallest: (x, out, options) =>
      borrow("smallest", { read: [x], written: [out] }, ({ memory }, [a], [b]) =>
        memory.host.kernels.smallest(a!, b!, options),
      ),
    triangularSolve: (a, b, options) =>
      borrow("triangularSolve", { read: [a], written: [], updated: [b] }, ({ memory }, [p], [q]) =>
        memory.host.kernels.triangularSolve(p!, q!, options),
      ),
    choleskyPanel: (a, info, options) =>
      borrow("choleskyPanel", { read: [], written: [], updated: [a, info] }, ({ memory }, _, [p, flag]) =>
        memory.host.kernels.choleskyPanel(p!, flag!, options),
      ),
    qrPanel: (a, tau) =>
      borrow("qrPanel", { read: [], written: [tau], updated: [a] }, ({ memory }, _, [panel, factors]) =>
        memory.host.kernels.qrPanel(panel!, factors!),
      ),
  };
}
