import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type * as Wasm from "@tensorflow/tfjs-backend-wasm";
import type * as Core from "@tensorflow/tfjs-core";
import type { Contender, Dense, Prepared } from "../harness/contender.js";
import { versionOf } from "../machine.js";
import { rmsNormEpsilon } from "../works/elementwise.js";
import { contender, type Prepare, requireOneThread, slowProducts } from "./table.js";

/** TensorFlow.js on its WebAssembly (SIMD) or its plain JavaScript backend. */
export async function tfjs(threads: number, backend: "wasm" | "cpu"): Promise<Contender> {
  requireOneThread(threads, "tfjs");
  // Its ES modules import without file extensions, which Node refuses; the CommonJS builds work.
  const require = createRequire(import.meta.url);
  const tf = require("@tensorflow/tfjs-core") as typeof Core;
  const packageName = `@tensorflow/tfjs-backend-${backend}`;
  const entry = require.resolve(packageName);
  const module = require(entry);
  if (backend === "wasm") (module as typeof Wasm).setWasmPaths(join(dirname(entry), "/"));
  await tf.setBackend(backend);
  const tensor = ({ data, shape }: Dense) => tf.tensor(data, [...shape]);

  const operation =
    (run: (...inputs: Core.Tensor[]) => Core.Tensor | Core.Tensor[]): Prepare =>
    (inputs): Prepared => {
      const operands = inputs.map(tensor);
      let last: Core.Tensor[] = [];
      return {
        run() {
          tf.dispose(last);
          const results = run(...operands);
          last = Array.isArray(results) ? results : [results];
        },
        results: () =>
          Promise.all(last.map(async (x) => ({ shape: x.shape, data: Float32Array.from(await x.data()) }))),
      };
    };

  /** q·kᵀ, mask, softmax, ·v: it has no attention of its own. */
  const attention: Prepare = (inputs, sizes) => {
    const [, tokens, dim] = sizes as [number, number, number];
    const masked = tf.tidy(() => {
      const seen = tf.linalg.bandPart(tf.ones([tokens, tokens]) as Core.Tensor2D, -1, 0);
      return tf.mul(tf.sub(seen, 1), 1e9);
    });
    return operation((q, k, v) =>
      tf.tidy(() => {
        const scores = tf.mul(tf.matMul(q!, k!, false, true), 1 / Math.sqrt(dim));
        return tf.matMul(tf.softmax(tf.add(scores, masked)), v!);
      }),
    )(inputs, sizes);
  };

  const product = operation((a, b) => tf.matMul(a!, b!));

  return contender(
    { [packageName]: versionOf(packageName) },
    {
      gemm: backend === "cpu" ? slowProducts(product) : product,
      exp: operation((x) => tf.exp(x!)),
      log: operation((x) => tf.log(x!)),
      softmax: operation((x) => tf.softmax(x!)),
      add: operation((a, b) => tf.add(a!, b!)),
      rmsNorm: operation((x, gain) =>
        tf.tidy(() => {
          const meanSquare = tf.mean(tf.square(x!), -1, true);
          return tf.mul(tf.mul(x!, tf.rsqrt(tf.add(meanSquare, rmsNormEpsilon))), gain!);
        }),
      ),
      attention,
      qr: operation((a) => tf.linalg.qr(a!)),
    },
  );
}
