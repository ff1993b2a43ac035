import type { Kernels } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";
import { matmul } from "../matmul/matmul.js";
import { syrk } from "../matmul/syrk.js";
import { argsort } from "./argsort.js";
import { binary } from "./binary.js";
import { copy, fill } from "./copy.js";
import { gather } from "./gather.js";
import { reduce } from "./reduce.js";
import { scatterAdd } from "./scatter-add.js";
import { select } from "./select.js";
import { smallest } from "./smallest.js";
import { unary } from "./unary.js";

/** The contract's kernels on one device: a file for each group, a line for each kernel. */
export function bindKernels(engine: Engine): Partial<Kernels> {
  return {
    fill: (out, value) => fill(engine, out, value),
    copy: (x, out) => copy(engine, x, out),
    unary: (op, x, out) => unary(engine, op, x, out),
    binary: (op, a, b, out) => binary(engine, op, a, b, out),
    select: (condition, a, b, out) => select(engine, condition, a, b, out),
    reduce: (op, x, axes, out) => reduce(engine, op, x, axes, out),
    gather: (x, indices, axis, out) => gather(engine, x, indices, axis, out),
    scatterAdd: (x, indices, axis, out) => scatterAdd(engine, x, indices, axis, out),
    argsort: (x, out, options) => argsort(engine, x, out, options),
    smallest: (x, out, options) => smallest(engine, x, out, options),
    matmul: (a, b, out, options) => matmul(engine, a, b, out, options),
    syrk: (x, out, options) => syrk(engine, x, out, options),
  };
}
