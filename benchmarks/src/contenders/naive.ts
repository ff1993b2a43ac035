import { type Contender, Unsupported } from "../harness/contender.js";
import { contender, requireOneThread, slowProducts } from "./table.js";

/** Three nested loops over typed arrays. */
export async function naive(threads: number): Promise<Contender> {
  requireOneThread(threads, "a loop");
  return contender(
    {},
    {
      gemm: slowProducts(([a, b], sizes) => {
        const [m, n, k, batch] = sizes as [number, number, number, number];
        if (batch > 1) throw new Unsupported("has no batched product");
        const out = new Float32Array(m * n);
        return {
          run() {
            for (let i = 0; i < m; i++) {
              for (let j = 0; j < n; j++) {
                let sum = 0;
                for (let p = 0; p < k; p++) sum += a!.data[i * k + p]! * b!.data[p * n + j]!;
                out[i * n + j] = sum;
              }
            }
          },
          results: () => [{ shape: [m, n], data: out }],
        };
      }, 512),
    },
  );
}
