import type { Backend, DeviceBuffer, Kernels, Operand } from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import { conformanceCases } from "../src/index.js";
import { createFusedCpu } from "./fused-reference.js";

type Sabotage = (good: Required<Kernels>, backend: Backend) => Partial<Kernels>;

const flat = (x: Operand): Operand => {
  let stride = 1;
  const strides = x.shape.map(() => 0);
  for (let axis = x.shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= x.shape[axis]!;
  }
  return { ...x, strides };
};

/** Applies `change` to every f32 of a contiguous output. */
function patch(backend: Backend, out: Operand, change: (value: number, i: number) => number): void {
  const size = out.shape.reduce((count, dim) => count * dim, 1);
  const bytes = backend.readSync!(out.buffer, 4 * out.offset, 4 * size);
  const values = new Float32Array(bytes.buffer, bytes.byteOffset, size).map(change);
  backend.write(out.buffer, 4 * out.offset, new Uint8Array(values.buffer));
}

/** ⌊x + ½⌋: not to even, and +0 for −0. */
function roundUp(good: Kernels, x: Operand, out: Operand): void {
  good.fill(out, 0.5);
  good.binary("add", x, out, out);
  good.unary("floor", out, out);
}

/** Wrong kernels, each under the case that has to notice. */
const sabotages: readonly (readonly [mistake: string, caught: string, sabotage: Sabotage])[] = [
  ["ignores strides", "unary exp", (good) => ({ unary: (op, x, out) => good.unary(op, flat(x), out) })],
  [
    "ignores offsets",
    "unary abs",
    (good) => ({ unary: (op, x, out) => good.unary(op, { ...x, offset: 0 }, out) }),
  ],
  [
    "is off by one in a stride",
    "copy within a dtype",
    (good) => ({
      copy: (x, out) =>
        good.copy({ ...x, strides: x.strides.map((s, i) => (i === 0 && x.shape[0]! > 1 ? s + 1 : s)) }, out),
    }),
  ],
  [
    "rounds halves up",
    "unary round",
    (good) => ({ unary: (op, x, out) => (op === "round" ? roundUp(good, x, out) : good.unary(op, x, out)) }),
  ],
  [
    "turns NaN into 0",
    "binary maximum",
    (good, backend) => ({
      binary(op, a, b, out) {
        good.binary(op, a, b, out);
        if (out.dtype === "f32") patch(backend, out, (y) => (Number.isNaN(y) ? 0 : y));
      },
    }),
  ],
  [
    "loses the sign of zero",
    "unary neg",
    (good, backend) => ({
      unary(op, x, out) {
        good.unary(op, x, out);
        if (out.dtype === "f32") patch(backend, out, (y) => y + 0);
      },
    }),
  ],
  [
    "is a few units in the last place off",
    "unary exp",
    (good, backend) => ({
      unary(op, x, out) {
        good.unary(op, x, out);
        if (out.dtype === "f32") patch(backend, out, (y) => y * (1 + 1e-6));
      },
    }),
  ],
  ["swaps the branches", "select", (good) => ({ select: (c, a, b, out) => good.select(c, b, a, out) })],
  [
    "writes past the end",
    "fill",
    (good) => ({
      fill(out, value) {
        good.fill(out, value);
        if (out.shape.length === 1) good.fill({ ...out, offset: out.offset + out.strides[0]! }, value);
      },
    }),
  ],
  [
    "changes its input",
    "unary square",
    (good) => ({
      unary(op, x, out) {
        good.unary(op, x, out);
        if (op === "square" && x.dtype === "f32") good.fill(x, 1);
      },
    }),
  ],
  [
    "rounds instead of truncating",
    "copy with a cast",
    (good, backend) => ({
      copy(x, out) {
        if (x.dtype !== "f32" || out.dtype !== "i32") return good.copy(x, out);
        const size = 4 * x.shape.reduce((count, dim) => count * dim, 1);
        const rounded = { ...flat(x), buffer: backend.allocate(size), offset: 0 };
        good.unary("round", x, rounded);
        good.copy(rounded, out);
        backend.free(rounded.buffer);
      },
    }),
  ],
  [
    "reduces the last axis only",
    "reduce sum",
    (good) => ({ reduce: (op, x, axes, out) => good.reduce(op, x, axes.slice(-1), out) }),
  ],
  [
    "skips NaN in a maximum",
    "reduce max",
    (good, backend) => ({
      reduce(op, x, axes, out) {
        good.reduce(op, x, axes, out);
        if (out.dtype === "f32") patch(backend, out, (y) => (Number.isNaN(y) ? 0 : y));
      },
    }),
  ],
  [
    "forgets to accumulate",
    "matmul of small matrices",
    (good) => ({ matmul: (a, b, out, o) => good.matmul(a, b, out, { ...o, accumulate: false }) }),
  ],
  [
    "forgets alpha",
    "matmul around tile sizes",
    (good) => ({ matmul: (a, b, out, o) => good.matmul(a, b, out, { ...o, alpha: 1 }) }),
  ],
  [
    "leaves out the last product of long sums",
    "matmul of large matrices",
    (good) => ({
      matmul(a, b, out, options) {
        const k = a.shape.at(-1)! - 1;
        good.matmul({ ...a, shape: a.shape.with(-1, k) }, { ...b, shape: b.shape.with(-2, k) }, out, options);
      },
    }),
  ],
  [
    "clamps indices",
    "gather",
    (good, backend) => ({
      gather(x, indices, axis, out) {
        good.gather(x, indices, axis, out);
        if (out.dtype === "f32") patch(backend, out, (y) => (Number.isNaN(y) ? 1 : y));
      },
    }),
  ],
  [
    "sets instead of adding",
    "scatterAdd",
    (good) => ({
      scatterAdd(x, indices, axis, out) {
        good.fill(out, 0);
        good.scatterAdd(x, indices, axis, out);
      },
    }),
  ],
  [
    "sorts the wrong way for descending",
    "argsort",
    (good) => ({ argsort: (x, out) => good.argsort(x, out, { descending: false }) }),
  ],
  [
    "breaks ties by the higher index",
    "smallest",
    (good) => ({
      smallest(x, out, options) {
        const last = x.shape.length - 1;
        const turned = (y: Operand): Operand => ({
          ...y,
          offset: y.offset + Math.max(0, y.shape[last]! - 1) * y.strides[last]!,
          strides: y.strides.with(last, -y.strides[last]!),
        });
        good.smallest(turned(x), turned(out), options);
      },
    }),
  ],
  [
    "reads the diagonal of a unit triangle",
    "triangularSolve",
    (good) => ({
      triangularSolve: (a, b, options) => good.triangularSolve(a, b, { ...options, unitDiagonal: false }),
    }),
  ],
  [
    "forgets where the panel starts",
    "choleskyPanel",
    (good) => ({ choleskyPanel: (a, info) => good.choleskyPanel(a, info, { pivotBase: 0 }) }),
  ],
  [
    "clears the upper triangle",
    "choleskyPanel",
    (good) => ({
      choleskyPanel(a, info, options) {
        good.choleskyPanel(a, info, options);
        const [n] = a.shape as [number];
        if (n > 1) good.fill({ ...a, shape: [n - 1], strides: [a.strides[0]! + 1], offset: a.offset + 1 }, 0);
      },
    }),
  ],
  [
    "leaves τ unwritten",
    "qrPanel",
    (good) => ({
      qrPanel(a, tau) {
        good.qrPanel(a, tau);
        good.fill(tau, 2);
      },
    }),
  ],
  [
    "writes half of the rows",
    "matmul of a triangle",
    (good) => ({
      matmul(a, b, out, options) {
        const m = Math.ceil(out.shape.at(-2)! / 2);
        const rows = (x: Operand) => ({ ...x, shape: x.shape.with(-2, m) });
        good.matmul(rows(a), b, rows(out), options);
      },
    }),
  ],
  [
    "forgets the correction of w",
    "tridiagonalPanel",
    (good, backend) => ({
      tridiagonalPanel(a, v, w, factors) {
        good.tridiagonalPanel(a, v, w, factors);
        if (w.strides[0] === w.shape[1]) patch(backend, w, (x) => 1.01 * x);
      },
    }),
  ],
  [
    "leaks scratch memory",
    "reduce sum",
    (good, backend) => ({
      reduce(op, x, axes, out) {
        good.reduce(op, x, axes, out);
        backend.allocate(16);
      },
    }),
  ],
  [
    "overflows for large logits",
    "fused softmax",
    (good, backend) => ({
      softmax(x, out) {
        good.softmax(x, out);
        patch(backend, out, (y) => (y > 0.9 ? Number.NaN : y));
      },
    }),
  ],
  [
    "gives 0 for a target out of range",
    "fused crossEntropy",
    (good, backend) => ({
      crossEntropy(logits, targets, out) {
        good.crossEntropy(logits, targets, out);
        patch(backend, out, (y) => (Number.isNaN(y) ? 0 : y));
      },
    }),
  ],
  [
    "uses another eps",
    "fused rmsNorm",
    (good) => ({ rmsNorm: (x, gain, out) => good.rmsNorm(x, gain, out, { eps: 1e-2 }) }),
  ],
  ["turns the other way", "fused rope", (good) => ({ rope: (x, c, s, out) => good.rope(x, s, c, out) })],
  [
    "looks ahead",
    "fused attention",
    (good) => ({ attention: (q, k, v, out, o) => good.attention(q, k, v, out, { ...o, causal: false }) }),
  ],
  ["swaps gate and up", "fused swiglu", (good) => ({ swiglu: (a, b, out) => good.swiglu(b, a, out) })],
  [
    "takes base 2",
    "fused rowEntropy",
    (good, backend) => ({
      rowEntropy(x, out) {
        good.rowEntropy(x, out);
        patch(backend, out, (y) => y / Math.LN2);
      },
    }),
  ],
  [
    "takes the inputs in reverse",
    "fused prunedEnergy",
    (good) => ({
      prunedEnergy(y, h, out, energy, options) {
        const size = y.shape[options.inputAxis]!;
        const turned = y.strides.with(options.inputAxis, -y.strides[options.inputAxis]!);
        const offset = y.offset + Math.max(0, size - 1) * y.strides[options.inputAxis]!;
        good.prunedEnergy(size === 0 ? y : { ...y, strides: turned, offset }, h, out, energy, options);
      },
    }),
  ],
  [
    "forgets what it should add to",
    "fused groupEntropy",
    (good) => ({
      groupEntropy: (y, h, out, energy, entropies, { axis }) =>
        good.groupEntropy(y, h, out, energy, entropies, { axis, accumulate: false }),
    }),
  ],
  [
    "writes one triangle",
    "fused syrk",
    (good) => ({
      syrk(x, out, options) {
        good.syrk(x, out, options);
        const [d] = out.shape as [number];
        if (d > 1) good.fill({ ...out, shape: [1], strides: [1], offset: out.offset + 1 }, 0);
      },
    }),
  ],
];

const named = (name: string) => conformanceCases().find((one) => one.name === name)!;

describe("the suite on broken backends", () => {
  for (const [mistake, caught, sabotage] of sabotages) {
    it(`should notice in "${caught}" a kernel that ${mistake}`, async () => {
      const good = createFusedCpu();
      await expect(named(caught).run(good)).resolves.toBeUndefined();
      const broken: Backend = {
        ...good,
        kernels: { ...good.kernels, ...sabotage(good.kernels as Required<Kernels>, good) },
      };
      await expect(named(caught).run(broken)).rejects.toThrow();
    });
  }

  it("should notice reads that share memory with the buffer", async () => {
    const good = createFusedCpu();
    const read = async (buffer: DeviceBuffer, at: number, length: number) =>
      new Uint8Array((buffer as { bytes: ArrayBuffer }).bytes, at, length);
    await expect(named("buffers keep their bytes").run({ ...good, read })).rejects.toThrow();
  });

  it("should print seed and counterexample", async () => {
    const good = createFusedCpu();
    const kernels = { ...good.kernels, fill() {} };
    const failure = named("fill").run({ ...good, kernels });
    await expect(failure).rejects.toThrow(/seed: -?\d+, path: .*\nCounterexample: .*"dtype"/s);
    await expect(failure).rejects.toMatchObject({ cause: { name: "ConformanceError" } });
  });
});
