import { type Contender, inputs, samplePositions } from "../contender.js";

/** Three nested loops over typed arrays. */
export async function naive(): Promise<Contender> {
  return {
    name: "naive-js",
    threads: 1,
    versions: {},
    async prepare({ sizes }) {
      const [m, n, k] = sizes as [number, number, number];
      const [a, b, out] = [inputs(m * k, 1), inputs(k * n, 2), new Float32Array(m * n)];
      return {
        run() {
          for (let i = 0; i < m; i++) {
            for (let j = 0; j < n; j++) {
              let sum = 0;
              for (let p = 0; p < k; p++) sum += a[i * k + p]! * b[p * n + j]!;
              out[i * n + j] = sum;
            }
          }
        },
        sample: () => samplePositions(m, n).map((at) => out[at]!),
      };
    },
  };
}
