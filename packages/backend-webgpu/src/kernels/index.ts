import type { Kernels } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";
import { binary } from "./binary.js";
import { copy, fill } from "./copy.js";
import { unary } from "./unary.js";

/** The contract's kernels on one device: a file for each group, a line for each kernel. */
export function bindKernels(engine: Engine): Partial<Kernels> {
  return {
    fill: (out, value) => fill(engine, out, value),
    copy: (x, out) => copy(engine, x, out),
    unary: (op, x, out) => unary(engine, op, x, out),
    binary: (op, a, b, out) => binary(engine, op, a, b, out),
  };
}
