import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type * as Wasm from "@tensorflow/tfjs-backend-wasm";
import type * as Core from "@tensorflow/tfjs-core";
import { type Contender, inputs, samplePositions } from "../contender.js";
import { versionOf } from "../machine.js";

/** TensorFlow.js on its WebAssembly backend (SIMD; it has no threads under Node). */
export async function tfjsWasm(): Promise<Contender> {
  // Its ES modules import without file extensions, which Node refuses; the CommonJS builds work.
  const require = createRequire(import.meta.url);
  const tf = require("@tensorflow/tfjs-core") as typeof Core;
  const entry = require.resolve("@tensorflow/tfjs-backend-wasm");
  const { setWasmPaths } = require(entry) as typeof Wasm;
  setWasmPaths(join(dirname(entry), "/"));
  await tf.setBackend("wasm");
  return {
    name: "tfjs-wasm",
    threads: 1,
    versions: { "@tensorflow/tfjs-backend-wasm": versionOf("@tensorflow/tfjs-backend-wasm") },
    async prepare({ sizes }) {
      const [m, n, k] = sizes as [number, number, number];
      const a = tf.tensor2d(inputs(m * k, 1), [m, k]);
      const b = tf.tensor2d(inputs(k * n, 2), [k, n]);
      let out: Core.Tensor | undefined;
      return {
        run() {
          out?.dispose();
          out = tf.matMul(a, b);
        },
        async sample() {
          const values = await out!.data();
          return samplePositions(m, n).map((at) => values[at]!);
        },
      };
    },
  };
}
