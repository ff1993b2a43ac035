import type { FloatDType } from "@denoise-rotator/core";
import fc from "fast-check";
import { ConformanceError, expectClose, largestFinite, roundingUnit } from "../compare.js";
import { execute, expectedResults, type KernelCall } from "../execute.js";
import { type HostOperand, hostOperand, positionsOf, roundTo } from "../host-operand.js";
import { type ConformanceCase, floatsOf, propertyCase, type Settings } from "../kernel-case.js";
import { layouts, seeds } from "../layouts.js";
import { draw, ordinary } from "../values.js";

/** Products of which one triangle counts. */
const triangleCase = (settings: Settings): ConformanceCase =>
  propertyCase(
    "matmul of a triangle",
    "matmul",
    settings,
    (backend) =>
      fc
        .tuple(
          fc.constantFrom(1, 2, 5, 8, 17, 33, 70, 200),
          fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constant(64)),
        )
        .chain(([n, k]) =>
          fc.record({
            dtype: fc.constantFrom(...floatsOf(backend)),
            a: layouts([n, k]),
            b: layouts([k, n]),
            out: layouts([n, n], { strides: "rows" }),
            accumulate: fc.boolean(),
            triangle: fc.constantFrom("upper" as const, "lower" as const),
            seed: seeds,
          }),
        ),
    async (backend, { dtype, a, b, out, accumulate, triangle, seed }) => {
      const [n, k] = a.shape as [number, number];
      const options = { alpha: -1, accumulate, triangle };
      const call: KernelCall = {
        inputs: [
          hostOperand(dtype, a, draw(seed, ordinary)),
          hostOperand(dtype, b, draw(seed + 1, ordinary)),
        ],
        outs: [hostOperand(dtype, out, draw(seed + 2, ordinary))],
        invoke: (kernels, [x, y], [z]) => kernels.matmul(x!, y!, z!, options),
      };
      const side = triangle === "upper" ? 1 : -1;
      const magnitudes = (x: HostOperand) => ({ ...x, elements: x.elements.map(Math.abs) });
      const [sizes] = await expectedResults({
        inputs: call.inputs.map(magnitudes),
        outs: call.outs.map((x) => magnitudes(x as HostOperand)),
        invoke: (kernels, [x, y], [z]) => kernels.matmul(x!, y!, z!, { alpha: 1, accumulate }),
      });
      const part = ([values]: Float64Array[]) =>
        values!.map((x, at) => (side * ((at % n) - Math.floor(at / n)) < 0 ? 0 : x));
      const [actual, expected] = [part(await execute(backend, call)), part(await expectedResults(call))];
      const scales = new Float64Array(n * n).fill(64 * (k + 1) ** 2);
      const context = { what: `matmul, ${triangle} triangle`, dtype, shape: out.shape };
      expectClose(actual, expected, context, settings.tolerances.matmul, scales, sizes);
    },
  );

interface Panel {
  readonly n: number;
  readonly k: number;
  readonly dtype: FloatDType;
}

const tridiagonalCase = (settings: Settings): ConformanceCase =>
  propertyCase(
    "tridiagonalPanel",
    "tridiagonalPanel",
    { ...settings, runs: settings.runs * 2 },
    () =>
      fc
        .tuple(fc.oneof(fc.integer({ min: 2, max: 12 }), fc.constantFrom(17, 33, 48)), fc.nat())
        .chain(([n, steps]) => {
          const k = 1 + (steps % Math.min(n - 1, 16));
          return fc.record({
            a: layouts([n, n], { strides: "rows" }),
            v: layouts([k, n], { strides: "rows" }),
            w: layouts([k, n], { strides: "rows" }),
            factors: layouts([3, k], { strides: "rows" }),
            /** A matrix that is tridiagonal already. */
            plain: fc.nat({ max: 5 }),
            seed: seeds,
          });
        }),
    async (backend, { a, v, w, factors, plain, seed }) => {
      const dtype = "f32";
      const [k, n] = v.shape as [number, number];
      const next = draw(seed, ordinary);
      const upper = Float64Array.from({ length: n * n }, (_, at) => {
        const [i, j] = [Math.floor(at / n), at % n];
        return plain === 0 && j > i + 1 ? 0 : roundTo(dtype, next());
      });
      // What must not be read is NaN.
      const given = hostOperand(dtype, a, () => 0);
      positionsOf(a).forEach((position, at) => {
        given.elements[position] = at % n < Math.floor(at / n) ? Number.NaN : upper[at]!;
      });
      const [reflectors, others, form] = await execute(backend, {
        inputs: [given],
        outs: [v, w, factors].map((layout) => ({ dtype, layout })),
        invoke: (kernels, [x], [p, q, r]) => kernels.tridiagonalPanel!(x!, p!, q!, r!),
      });
      const symmetric = upper.map((_, at) => {
        const [i, j] = [Math.floor(at / n), at % n];
        return upper[Math.min(i, j) * n + Math.max(i, j)]!;
      });
      checkPanel(symmetric, reflectors!, others!, form!, { n, k, dtype }, settings, plain === 0);
    },
  );

/** Judged by what the reflectors make of the matrix, in f64. */
function checkPanel(
  a: Float64Array,
  v: Float64Array,
  w: Float64Array,
  factors: Float64Array,
  { n, k, dtype }: Panel,
  settings: Settings,
  plain: boolean,
): void {
  const tolerance = settings.tolerances.tridiagonalPanel;
  const bound = (tolerance.scaled ?? 0) * roundingUnit(dtype) * (n + 1);
  const fail = (what: string) => {
    throw new ConformanceError(`tridiagonalPanel: ${what}`);
  };
  let turned: Float64Array = a.slice();
  for (let j = 0; j < k; j++) {
    const tau = factors[2 * k + j]!;
    const u = v.subarray(j * n, (j + 1) * n);
    if (!u.every((x, i) => (i <= j ? x === 0 : i > j + 1 || x === 1))) fail(`row ${j} of v is no reflector`);
    if (!w.subarray(j * n, j * n + j + 1).every((x) => x === 0))
      fail(`row ${j} of w is not zero at its start`);
    if (plain && tau !== 0) fail(`τ of row ${j}, which is zero already, is ${tau}`);
    const norm = u.reduce((sum, x) => sum + x * x, 0);
    if (!(Math.abs(tau * (tau * norm - 2)) <= bound)) fail(`reflector ${j} is not orthogonal`);
    turned = reflected(reflected(turned, u, tau), u, tau);
    const row = Float64Array.from({ length: n - j }, (_, i) => (i < 2 ? factors[i * k + j]! : 0));
    compare(turned.slice(j * n + j, (j + 1) * n), row, `row ${j}`);
  }
  const rest = turned.map((x, at) => (Math.min(Math.floor(at / n), at % n) < k ? 0 : x));
  const claimed = a.map((x, at) => {
    const [i, c] = [Math.floor(at / n), at % n];
    if (Math.min(i, c) < k) return 0;
    let sum = x;
    for (let j = 0; j < k; j++) sum -= v[j * n + i]! * w[j * n + c]! + w[j * n + i]! * v[j * n + c]!;
    return sum;
  });
  compare(rest, claimed, "the rest");

  function compare(actual: Float64Array, expected: Float64Array, what: string): void {
    const scales = new Float64Array(actual.length).fill(8 * (n + 1) * Math.sqrt(n));
    expectClose(
      actual,
      expected,
      { what: `tridiagonalPanel: ${what}`, dtype, shape: [actual.length] },
      tolerance,
      scales,
      new Float64Array(actual.length).fill(largestFinite(a)),
    );
  }
}

/** (H·x)ᵀ with H = I − τ·u·uᵀ. */
function reflected(x: Float64Array, u: Float64Array, tau: number): Float64Array {
  const n = u.length;
  const out = new Float64Array(n * n);
  for (let c = 0; c < n; c++) {
    let dot = 0;
    for (let i = 0; i < n; i++) dot += u[i]! * x[i * n + c]!;
    for (let i = 0; i < n; i++) out[c * n + i] = x[i * n + c]! - tau * dot * u[i]!;
  }
  return out;
}

export const symmetricCases = (settings: Settings): ConformanceCase[] => [
  triangleCase(settings),
  tridiagonalCase(settings),
];
