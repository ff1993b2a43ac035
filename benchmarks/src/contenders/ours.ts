import { type WasmBackend, wasm } from "@denoise-rotator/backend-wasm";
import { attention, fromTyped, rmsNorm, softmax, type Tensor } from "@denoise-rotator/core";
import { cholesky, inverseTriangular, qr, symmetricEigen } from "@denoise-rotator/linalg";
import type { RotationPresetName } from "@denoise-rotator/rotator";
import { type Contender, type Dense, type Prepared, Unsupported } from "../harness/contender.js";
import { versionOf } from "../machine.js";
import { rmsNormEpsilon } from "../works/elementwise.js";
import { learningPrepare, stepsPrepare } from "./our-learning.js";
import { contender, type Prepare } from "./table.js";

export interface OurOptions {
  readonly turbo: boolean;
  /** How rotations are learned. Default `default`. */
  readonly preset?: RotationPresetName;
}

/** The wasm backend through the public tensor API. */
export async function ours(threads: number, options: OurOptions): Promise<Contender> {
  const { turbo, preset = "default" } = options;
  const backend = await open(threads, turbo);
  const tensor = ({ data, shape }: Dense) => fromTyped(data, shape, "f32", backend);

  /** An operation whose results are new tensors, those of the last run disposed of. */
  const operation =
    (run: (...inputs: Tensor[]) => Tensor | Tensor[] | Promise<Tensor | Tensor[]>): Prepare =>
    (inputs): Prepared => {
      const operands = inputs.map(tensor);
      let last: Tensor[] = [];
      const keep = (results: Tensor | Tensor[]) => {
        for (const result of last) result.dispose();
        last = Array.isArray(results) ? results : [results];
      };
      return {
        run() {
          const results = run(...operands);
          return results instanceof Promise ? results.then(keep) : keep(results);
        },
        results: () =>
          Promise.all(
            last.map(async (x) => ({
              shape: x.shape,
              data: Float32Array.from((await x.read()) as Float32Array),
            })),
          ),
      };
    };

  const name = "@denoise-rotator/backend-wasm";
  const { description } = backend.capabilities;
  const details = Object.entries(description).map(([key, value]) => `${key} ${value}`);
  return contender(
    { [`${name}${turbo ? " (turbo)" : ""}`]: `${versionOf(name)}: ${details.filter(notThreads).join(", ")}` },
    {
      gemm: operation((a, b) => a!.matmul(b!)),
      exp: operation((x) => x!.exp()),
      log: operation((x) => x!.log()),
      softmax: operation((x) => softmax(x!)),
      add: operation((a, b) => a!.add(b!)),
      rmsNorm: operation((x, gain) => rmsNorm(x!, gain!, rmsNormEpsilon)),
      attention: operation((q, k, v) => attention(q!, k!, v!)),
      cholesky: operation((a) => cholesky(a!)),
      triangularInverse: operation((a) => inverseTriangular(a!)),
      qr: operation((a) => {
        const { Q, R } = qr(a!);
        return [Q, R];
      }),
      symmetricEigen: operation(async (a) => {
        const { values, vectors } = await symmetricEigen(a!);
        return [values, vectors];
      }),
      learning: learningPrepare(backend, preset),
      learningSteps: stepsPrepare(backend, preset),
    },
  );
}

const notThreads = (detail: string) => !detail.startsWith("threads ");

async function open(threads: number, turbo: boolean): Promise<WasmBackend> {
  // A backend that does not know an option ignores it; what it became is in its description.
  const backend = await wasm({ threads, ...(turbo ? { turbo } : {}) } as Parameters<typeof wasm>[0]);
  const { description } = backend.capabilities;
  if (Number(description.threads ?? 1) !== threads) {
    throw new Unsupported(
      `the backend runs ${description.threads ?? 1} thread where ${threads} were asked for`,
    );
  }
  if (turbo && description.turbo !== true) {
    throw new Unsupported("no turbo mode on this engine, or its self-test failed");
  }
  return backend;
}
