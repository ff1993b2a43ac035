import { defaultDevice, init, jit, lax, nn, numpy as np } from "@jax-js/jax";
import { type Contender, type Dense, Unsupported } from "../harness/contender.js";
import { versionOf } from "../machine.js";
import { rmsNormEpsilon } from "../works/elementwise.js";
import { identity } from "../works/factorisations.js";
import { contender, type Prepare, requireOneThread, slowEigen } from "./table.js";

/** jax-js on its WebAssembly backend, every operation traced once by `jit`. */
export async function jaxJs(threads: number): Promise<Contender> {
  requireOneThread(threads, "jax-js");
  if (!(await init("wasm")).includes("wasm")) throw new Unsupported("its wasm backend does not start");
  defaultDevice("wasm");
  const array = ({ data, shape }: Dense) =>
    np.array(data as Float32Array<ArrayBuffer>, { shape: [...shape] });

  type Traced = (...inputs: np.Array[]) => np.Array | np.Array[];

  const operation =
    (traced: Traced, compile: (traced: Traced) => Traced = (each) => jit(each) as Traced): Prepare =>
    async (inputs) => {
      const operands = inputs.map(array);
      const run = compile(traced);
      let last: np.Array[] = [];
      return {
        async run() {
          for (const result of last) result.dispose();
          const results = run(...operands.map((x) => x.ref)); // an operation consumes its operands
          last = Array.isArray(results) ? results : [results];
          for (const result of last) await result.blockUntilReady();
        },
        results: () =>
          Promise.all(
            last.map(async (x) => ({
              shape: x.shape,
              data: Float32Array.from((await x.ref.data()) as Float32Array),
            })),
          ),
      };
    };

  /** `[1, heads, tokens, dim]` as it wants it: `[1, tokens, heads, dim]`. */
  const swap = (x: np.Array) => np.transpose(x, [0, 2, 1, 3]);

  return contender(
    { "@jax-js/jax": versionOf("@jax-js/jax") },
    {
      gemm: operation((a, b) => np.matmul(a!, b!)),
      exp: operation((x) => np.exp(x!)),
      log: operation((x) => np.log(x!)),
      softmax: operation((x) => nn.softmax(x!, -1)),
      add: operation((a, b) => np.add(a!, b!)),
      rmsNorm: operation((x, gain) => {
        const meanSquare = np.mean(np.square(x!.ref), -1, { keepdims: true });
        return x!.div(np.sqrt(meanSquare.add(rmsNormEpsilon))).mul(gain!);
      }),
      attention: operation((q, k, v) =>
        swap(nn.dotProductAttention(swap(q!), swap(k!), swap(v!), { isCausal: true })),
      ),
      cholesky: operation((a) => lax.linalg.cholesky(a!)),
      triangularInverse: (inputs, sizes) => {
        const solve = (a: np.Array, b: np.Array) =>
          lax.linalg.triangularSolve(a, b, { leftSide: true, lower: true });
        // `jit` refuses a triangular solve whose operands are arguments.
        const eager = (traced: Traced) => traced;
        return operation((a, b) => solve(a!, b!), eager)([...inputs, identity(sizes[0]!)], sizes);
      },
      symmetricEigen: slowEigen(
        operation((a) => {
          const [vectors, values] = lax.linalg.eigh(a!) as unknown as [np.Array, np.Array];
          return [values, vectors];
        }),
      ),
    },
  );
}
