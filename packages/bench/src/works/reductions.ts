import type { Dense, Work, WorkCheck } from "../contender.js";
import { bytesOf, label, largest } from "./elementwise.js";
import { rowOf } from "./products.js";
import { uniform } from "./random.js";

/** The sum of n numbers. */
export const sum = (n: number): Work => ({
  ...{ name: `sum-${label(n)}`, kind: "sum", sizes: [n], flops: 0, bytes: bytesOf(n) },
});

/** The largest of each row of `[rows, columns]`. */
export const rowMax = (rows: number, columns: number): Work => ({
  name: `rowMax-${label(rows * columns)}-${columns}`,
  ...{ kind: "rowMax", sizes: [rows, columns], flops: 0, bytes: bytesOf(rows * columns + rows) },
});

/** Of numbers in [0, 1), so that nothing cancels. */
export const sumCheck: WorkCheck = {
  inputs: ({ sizes }) => [positive(sizes)],
  error: (_, [x], [total]) => {
    const right = x!.data.reduce((a, b) => a + b, 0);
    return largest(total!.data.subarray(0, 1), () => right);
  },
  // Every addition rounds; who adds one by one in f32 loses √n·ε.
  tolerance: 1e-4,
};

export const rowMaxCheck: WorkCheck = {
  inputs: ({ sizes }) => [uniform(sizes, 1)],
  error: ({ sizes: [rows] }, [x], [most]) =>
    most!.data.length === rows
      ? largest(most!.data, (i) => rowOf(x!, i).reduce((a, b) => Math.max(a, b)))
      : Number.NaN,
  tolerance: 0,
};

function positive(shape: readonly number[]): Dense {
  const dense = uniform(shape, 1);
  for (let i = 0; i < dense.data.length; i++) dense.data[i]! += 0.5;
  return dense;
}
