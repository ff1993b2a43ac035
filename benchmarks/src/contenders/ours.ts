import { wasm } from "@denoise-rotator/backend-wasm";
import { fromTyped, type Tensor } from "@denoise-rotator/core";
import { type Contender, inputs, samplePositions } from "../contender.js";
import { versionOf } from "../machine.js";

/** The wasm backend through the public tensor API. */
export async function ours(): Promise<Contender> {
  const backend = await wasm();
  const { variant, tile } = backend.capabilities.description;
  return {
    name: "denoise-rotator",
    threads: 1,
    versions: {
      "@denoise-rotator/backend-wasm": `${versionOf("@denoise-rotator/backend-wasm")} (${variant} ${tile})`,
    },
    async prepare({ sizes }) {
      const [m, n, k] = sizes as [number, number, number];
      const a = fromTyped(inputs(m * k, 1), [m, k], "f32", backend);
      const b = fromTyped(inputs(k * n, 2), [k, n], "f32", backend);
      let out: Tensor | undefined;
      return {
        run() {
          out?.dispose();
          out = a.matmul(b);
        },
        async sample() {
          const values = await out!.read();
          return samplePositions(m, n).map((at) => values[at]!);
        },
      };
    },
  };
}
