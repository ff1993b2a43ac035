import type { Kernels } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";
import { matmul } from "../matmul/matmul.js";
import { syrk } from "../matmul/syrk.js";
import { argsort } from "./argsort.js";
import { attention } from "./attention.js";
import { binary } from "./binary.js";
import { choleskyPanel } from "./cholesky-panel.js";
import { copy, fill } from "./copy.js";
import { gather } from "./gather.js";
import { groupEntropy } from "./group-entropy.js";
import { prunedEnergy } from "./pruned-energy.js";
import { qrPanel } from "./qr-panel.js";
import { reduce } from "./reduce.js";
import { rmsNorm } from "./rms-norm.js";
import { rope } from "./rope.js";
import { rowEntropy } from "./row-entropy.js";
import { scatterAdd } from "./scatter-add.js";
import { select } from "./select.js";
import { smallest } from "./smallest.js";
import { crossEntropy, softmax } from "./softmax.js";
import { sparse24Matmul, sparse24Unpack } from "./sparse24.js";
import { swiglu } from "./swiglu.js";
import { triangularSolve } from "./triangular-solve.js";
import { tridiagonalPanel } from "./tridiagonal-panel.js";
import { unary } from "./unary.js";

/** The contract's kernels on one device: a file for each group, a line for each kernel. */
export function bindKernels(engine: Engine, symmetricEigen: "device" | "host"): Kernels {
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
    triangularSolve: (a, b, options) => triangularSolve(engine, a, b, options),
    choleskyPanel: (a, info, options) => choleskyPanel(engine, a, info, options),
    qrPanel: (a, tau) => qrPanel(engine, a, tau),
    syrk: (x, out, options) => syrk(engine, x, out, options),
    softmax: (x, out) => softmax(engine, x, out),
    crossEntropy: (logits, targets, out) => crossEntropy(engine, logits, targets, out),
    rmsNorm: (x, gain, out, options) => rmsNorm(engine, x, gain, out, options),
    rope: (x, cos, sin, out) => rope(engine, x, cos, sin, out),
    attention: (q, k, v, out, options) => attention(engine, q, k, v, out, options),
    swiglu: (gate, up, out) => swiglu(engine, gate, up, out),
    rowEntropy: (x, out) => rowEntropy(engine, x, out),
    prunedEnergy: (y, h, out, energy, options) => prunedEnergy(engine, y, h, out, energy, options),
    groupEntropy: (y, h, out, energy, entropies, options) =>
      groupEntropy(engine, y, h, out, energy, entropies, options),
    sparse24Matmul: (x, words, out, form) => sparse24Matmul(engine, x, words, out, form),
    sparse24Unpack: (words, out, form) => sparse24Unpack(engine, words, out, form),
    ...(symmetricEigen === "device" && {
      tridiagonalPanel: (a, v, w, factors) => tridiagonalPanel(engine, a, v, w, factors),
    }),
  };
}
