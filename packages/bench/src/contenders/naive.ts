import { type Contender, type Dense, type Prepared, Unsupported } from "../contender.js";
import { contender, type Prepare } from "./table.js";

export const naiveName = "naive-js";

/** Nested loops over typed arrays. */
export const naive = (): Contender =>
  contender(
    { name: naiveName, package: "", version: "", async dispose() {} },
    {
      gemm: ([a, b], sizes) => {
        const [m, n, k, batch] = sizes as [number, number, number, number];
        if (batch > 1) throw new Unsupported("has no batched product");
        return loop([m, n], (out) => product(a!.data, b!.data, out, { m, n, k, row: n, column: 1 }));
      },
      linear: ([x, weight], [m, n, k]) =>
        loop([m!, n!], (out) =>
          product(x!.data, weight!.data, out, { m: m!, n: n!, k: k!, row: 1, column: k! }),
        ),
      add: ([a, b], shape) =>
        loop(shape, (out) => {
          for (let i = 0; i < out.length; i++) out[i] = a!.data[i]! + b!.data[i]!;
        }),
      exp: unary(Math.exp),
      log: unary(Math.log),
      sum: ([x]) =>
        loop([], (out) => {
          let sum = 0;
          for (let i = 0; i < x!.data.length; i++) sum += x!.data[i]!;
          out[0] = sum;
        }),
    },
  );

interface ProductSizes {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Strides of the right factor's rows and columns. */
  readonly row: number;
  readonly column: number;
}

function product(a: Float32Array, b: Float32Array, out: Float32Array, sizes: ProductSizes): void {
  const { m, n, k, row, column } = sizes;
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let p = 0; p < k; p++) sum += a[i * k + p]! * b[p * row + j * column]!;
      out[i * n + j] = sum;
    }
  }
}

const unary =
  (f: (x: number) => number): Prepare =>
  ([x], shape) =>
    loop(shape, (out) => {
      for (let i = 0; i < out.length; i++) out[i] = f(x!.data[i]!);
    });

function loop(shape: readonly number[], body: (out: Float32Array) => void): Prepared {
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  const result: Dense = { shape, data };
  return { run: () => body(data), async finish() {}, results: async () => [result], dispose() {} };
}
