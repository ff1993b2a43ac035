import type { Backend, FloatDType } from "@denoise-rotator/core";
import fc from "fast-check";
import { ConformanceError, expectClose, largestFinite, roundingUnit } from "../compare.js";
import { execute } from "../execute.js";
import {
  type HostOperand,
  hostOperand,
  type Layout,
  positionsOf,
  roundTo,
  valuesOf,
} from "../host-operand.js";
import {
  type ConformanceCase,
  expectAgreement,
  floatsOf,
  propertyCase,
  type Settings,
} from "../kernel-case.js";
import { layouts, seeds } from "../layouts.js";
import { draw, ordinary } from "../values.js";

const sizes = fc.oneof(fc.integer({ min: 0, max: 12 }), fc.constantFrom(16, 17, 33, 48));
const dense = (shape: readonly number[]): Layout => {
  const columns = shape[1] ?? 1;
  return {
    shape,
    strides: shape.length === 2 ? [columns, 1] : [1],
    offset: 0,
    length: (shape[0] ?? 1) * columns,
  };
};

/** A matrix with the entries `at(i, j)`. */
function matrix(dtype: FloatDType, layout: Layout, at: (i: number, j: number) => number): HostOperand {
  const columns = layout.shape[1]!;
  const operand = hostOperand(dtype, layout, () => 0);
  positionsOf(layout).forEach((position, k) => {
    operand.elements[position] = roundTo(dtype, at(Math.floor(k / columns), k % columns));
  });
  return operand;
}

const random = (count: number, seed: number): Float64Array => {
  const next = draw(seed, ordinary);
  return Float64Array.from({ length: count }, next);
};

/** The largest finite entry, for every entry: what `scaled` tolerances of factorisations refer to. */
const largest = (values: ArrayLike<number>, count: number): Float64Array =>
  new Float64Array(count).fill(largestFinite(values));

const solves = (backend: Backend) =>
  fc.tuple(sizes, sizes).chain(([n, k]) =>
    fc.record({
      dtype: fc.constantFrom(...floatsOf(backend)),
      a: layouts([n, n], { strides: "rows" }),
      b: layouts([n, k], { strides: "rows" }),
      options: fc.record({ lower: fc.boolean(), transpose: fc.boolean(), unitDiagonal: fc.boolean() }),
      seed: seeds,
    }),
  );

const solveCase = (settings: Settings): ConformanceCase =>
  propertyCase(
    "triangularSolve",
    "triangularSolve",
    { ...settings, runs: settings.runs * 2 },
    solves,
    async (backend, { dtype, a, b, options, seed }) => {
      const [n, k] = b.shape as [number, number];
      const entries = random(n * n, seed);
      const { lower, unitDiagonal } = options;
      // Well conditioned: small off the diagonal. What must not be read is NaN.
      const triangle = matrix(dtype, a, (i, j) => {
        if (i === j) return unitDiagonal ? Number.NaN : Math.sign(entries[i]!) * (1 + Math.abs(entries[i]!));
        return i > j === lower ? entries[i * n + j]! / (n + 1) : Number.NaN;
      });
      const right = hostOperand(dtype, b, draw(seed + 1, ordinary));
      await expectAgreement(
        backend,
        {
          inputs: [triangle],
          outs: [right],
          invoke: (kernels, [x], [y]) => kernels.triangularSolve(x!, y!, options),
        },
        {
          what: `triangularSolve ${JSON.stringify(options)}`,
          tolerance: settings.tolerances.triangularSolve,
          scales: [largest(valuesOf(right), n * k).map((size) => size * (n + 1))],
        },
      );
    },
  );

/** The largest entry that L can have: the root of the largest on A's diagonal. */
function largestOfFactor(a: HostOperand): number {
  const n = a.layout.shape[0]!;
  return Math.sqrt(largestFinite(valuesOf(a).filter((_, at) => at % (n + 1) === 0)));
}

const choleskyCase = (settings: Settings): ConformanceCase =>
  propertyCase(
    "choleskyPanel",
    "choleskyPanel",
    { ...settings, runs: settings.runs * 2 },
    (backend) =>
      sizes.chain((n) =>
        fc.record({
          dtype: fc.constantFrom(...floatsOf(backend)),
          a: layouts([n, n], { strides: "rows" }),
          failure: fc.constantFrom("none", "none", "zero", "negative", "NaN"),
          at: fc.nat(),
          pivotBase: fc.constantFrom(0, 64),
          info: fc.constantFrom(0, 0, 5),
          seed: seeds,
        }),
      ),
    async (backend, { dtype, a, failure, at, pivotBase, info, seed }) => {
      const n = a.shape[0]!;
      const x = random(n * n, seed);
      const bad = n > 0 && failure !== "none" ? at % n : -1;
      const wrong = failure === "zero" ? 0 : failure === "negative" ? -4 : Number.NaN;
      const spd = matrix(dtype, a, (i, j) => {
        if (j > i) return 1000 + i; // the upper triangle stays as it is
        if (i === j && i === bad) return wrong;
        if (failure === "zero" && (i === bad || j === bad)) return 0; // so that the pivot is exactly zero
        let dot = i === j ? 1 : 0;
        for (let k = 0; k < n; k++) dot += (x[i * n + k]! * x[j * n + k]!) / n;
        return dot;
      });
      const state = hostOperand("i32", dense([1]), () => info);
      await expectAgreement(
        backend,
        {
          inputs: [],
          outs: [spd, state],
          invoke: (kernels, _, [l, flag]) => kernels.choleskyPanel(l!, flag!, { pivotBase }),
        },
        {
          what: `choleskyPanel, pivot ${bad} ${failure}`,
          tolerance: settings.tolerances.choleskyPanel,
          scales: [new Float64Array(n * n).fill(8 * (n + 1)), [0]],
          sizes: [new Float64Array(n * n).fill(largestOfFactor(spd)), [1]],
        },
      );
    },
  );

const qrCase = (settings: Settings): ConformanceCase =>
  propertyCase(
    "qrPanel",
    "qrPanel",
    { ...settings, runs: settings.runs * 2 },
    (backend) =>
      fc.tuple(sizes, sizes).chain(([p, q]) =>
        fc.record({
          dtype: fc.constantFrom(...floatsOf(backend)),
          a: layouts([Math.max(p, q), Math.min(p, q)], { strides: "rows" }),
          /** A column that is zero below the diagonal from the start. */
          zeroed: fc.nat(),
          seed: seeds,
        }),
      ),
    async (backend, { dtype, a, zeroed, seed }) => {
      const [m, n] = a.shape as [number, number];
      const entries = random(m * n, seed);
      const zeroFirst = zeroed % 4 === 0;
      const x = matrix(dtype, a, (i, j) => (zeroFirst && j === 0 && i > 0 ? 0 : entries[i * n + j]!));
      const [factored, tau] = await execute(backend, {
        inputs: [],
        outs: [x, { dtype, layout: dense([n]) }],
        invoke: (kernels, _, [panel, factors]) => kernels.qrPanel(panel!, factors!),
      });
      checkFactors(factored!, tau!, valuesOf(x), { m, n, dtype }, settings, zeroFirst);
    },
  );

/** R·sign and reflectors are judged by what they multiply to: H_0·H_1⋯R = A, and every H_j is orthogonal. */
function checkFactors(
  factored: Float64Array,
  tau: Float64Array,
  original: Float64Array,
  { m, n, dtype }: { m: number; n: number; dtype: FloatDType },
  settings: Settings,
  zeroFirst: boolean,
): void {
  const tolerance = settings.tolerances.qrPanel;
  const bound = (tolerance.scaled ?? 0) * roundingUnit(dtype) * (m + 1);
  const product = factored.map((value, k) => (k % n < Math.floor(k / n) ? 0 : value));
  for (let j = n - 1; j >= 0; j--) {
    const v = Float64Array.from({ length: m }, (_, i) => (i < j ? 0 : i === j ? 1 : factored[i * n + j]!));
    const norm = v.reduce((sum, entry) => sum + entry * entry, 0);
    const t = tau[j]!;
    if (!(Math.abs(t * (t * norm - 2)) <= bound)) {
      throw new ConformanceError(`qrPanel: reflector ${j} (τ = ${t}, ‖v‖² = ${norm}) is not orthogonal`);
    }
    if (j === 0 && zeroFirst && t !== 0) {
      throw new ConformanceError(`qrPanel: τ of column 0, which is zero below, is ${t}, expected 0`);
    }
    for (let c = 0; c < n; c++) {
      let dot = 0;
      for (let i = j; i < m; i++) dot += v[i]! * product[i * n + c]!;
      for (let i = j; i < m; i++) product[i * n + c] = product[i * n + c]! - t * dot * v[i]!;
    }
  }
  const context = { what: "qrPanel: H_0·H_1⋯R", dtype, shape: [m, n] };
  // The product is formed here in f64, so it need not be representable in the panel's dtype.
  const scales = largest(original, m * n).map((size) => size * (m + 1) * Math.sqrt(n));
  expectClose(product, original, context, tolerance, scales);
}

export const panelCases = (settings: Settings): ConformanceCase[] => [
  solveCase(settings),
  choleskyCase(settings),
  qrCase(settings),
];
