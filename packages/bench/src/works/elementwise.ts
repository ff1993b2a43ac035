import type { Dense, Work, WorkCheck, WorkKind } from "../contender.js";
import { rowOf } from "./products.js";
import { spread, uniform } from "./random.js";

const million = 1024 * 1024;
/** Such as `4M` or `64K`. */
export const label = (n: number): string =>
  n % million === 0 ? `${n / million}M` : n % 1024 === 0 ? `${n / 1024}K` : `${n}`;

/** Bytes of so many f32. */
export const bytesOf = (elements: number): number => 4 * elements;

const memoryBound = (name: string, kind: WorkKind, sizes: readonly number[], elements: number): Work => ({
  ...{ name, kind, sizes, flops: 0, bytes: bytesOf(elements) },
});

/** exp of n numbers in [−10, 10), log of n numbers in (0, 20]. */
export const exp = (n: number): Work => memoryBound(`exp-${label(n)}`, "exp", [n], 2 * n);
export const log = (n: number): Work => memoryBound(`log-${label(n)}`, "log", [n], 2 * n);

/** Two operands of n elements added: with few elements, what it costs to dispatch an operation. */
export const add = (n: number): Work => memoryBound(`add-${label(n)}`, "add", [n], 3 * n);

/** Over the last axis of `[rows, columns]`. */
export const softmax = (rows: number, columns: number): Work =>
  memoryBound(`softmax-${label(rows * columns)}-${columns}`, "softmax", [rows, columns], 2 * rows * columns);

/** With a gain and ε = 1e-5, over the last axis of `[rows, columns]`. */
export const rmsNorm = (rows: number, columns: number): Work =>
  memoryBound(`rmsNorm-${rows}x${columns}`, "rmsNorm", [rows, columns], 2 * rows * columns + columns);

export const rmsNormEpsilon = 1e-5;

export function scaled(shape: readonly number[], seed: number, map: (x: number) => number): Dense {
  const dense = uniform(shape, seed);
  for (let i = 0; i < dense.data.length; i++) dense.data[i] = map(dense.data[i]!);
  return dense;
}

/** Largest error of f(x) relative to itself. */
const unaryCheck = (f: (x: number) => number, map: (x: number) => number): WorkCheck => ({
  inputs: ({ sizes }) => [scaled(sizes, 1, map)],
  error: (_, [x], [y]) => largest(y!.data, (i) => f(x!.data[i]!)),
  tolerance: 1e-5,
});

export const expCheck = unaryCheck(Math.exp, (x) => 20 * x);
// Away from 1, where a result near 0 has a large relative error for whoever rounds at all.
export const logCheck = unaryCheck(Math.log, (x) => (x < 0 ? 0.9 * (x + 0.5) + 1e-6 : 2 + 36 * x));

export const addCheck: WorkCheck = {
  inputs: ({ sizes }) => [uniform(sizes, 1), uniform(sizes, 2)],
  error: (_, [a, b], [c]) => largest(c!.data, (i) => Math.fround(a!.data[i]! + b!.data[i]!)),
  tolerance: 0,
};

/** Rows recomputed in f64; the error is the largest, relative to the row's largest element. */
const rowCheck = (
  inputs: WorkCheck["inputs"],
  expected: (row: Float32Array, inputs: readonly Dense[]) => number[],
): WorkCheck => ({
  inputs,
  error(_, operands, [y]) {
    const rows = spread(y!.shape[0]!, 64);
    return Math.max(
      ...rows.map((i) => {
        const right = expected(rowOf(operands[0]!, i), operands);
        const scale = Math.max(...right.map(Math.abs));
        const wrong = right.map((value, j) => Math.abs(rowOf(y!, i)[j]! - value));
        return wrong.reduce(larger) / scale;
      }),
    );
  },
  tolerance: 1e-5,
});

export const softmaxCheck = rowCheck(
  ({ sizes }) => [scaled(sizes, 1, (x) => 10 * x)],
  (row) => {
    const most = row.reduce((a, b) => Math.max(a, b));
    const exps = Array.from(row, (x) => Math.exp(x - most));
    const total = exps.reduce((a, b) => a + b);
    return exps.map((x) => x / total);
  },
);

export const rmsNormCheck = rowCheck(
  ({ sizes: [rows, columns] }) => [uniform([rows!, columns!], 1), scaled([columns!], 2, (x) => 1 + x)],
  (row, [, gain]) => {
    const meanSquare = row.reduce((sum, x) => sum + x * x, 0) / row.length;
    const factor = 1 / Math.sqrt(meanSquare + rmsNormEpsilon);
    return Array.from(row, (x, j) => x * factor * gain!.data[j]!);
  },
);

/** As Math.max, but NaN wins. */
const larger = (a: number, b: number): number => (b > a || Number.isNaN(b) ? b : a);

export function largest(actual: Float32Array, expected: (i: number) => number): number {
  let most = actual.length === 0 ? Number.NaN : 0;
  for (let i = 0; i < actual.length; i++) {
    const right = expected(i);
    most = larger(most, Math.abs(actual[i]! - right) / (Math.abs(right) || 1));
  }
  return most;
}
