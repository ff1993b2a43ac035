import {
  attention,
  type Backend,
  compressSparse24,
  encodeBFloat16,
  fromTyped,
  max,
  rmsNorm,
  Sparse24Weight,
  softmax,
  sparse24Matmul,
  sum,
  type Tensor,
  tidy,
} from "@denoise-rotator/core";
import { cholesky, inverseTriangular, qr, symmetricEigen } from "@denoise-rotator/linalg";
import type { RotationPresetName } from "@denoise-rotator/rotator";
import type { Contender, Prepared } from "../contender.js";
import { download, readOne } from "../tensors.js";
import { shapeOfSizes } from "../works/block-shape.js";
import { decoderBlockForward } from "../works/decoder-block-forward.js";
import { rmsNormEpsilon } from "../works/elementwise.js";
import { learningPrepare, stepsPrepare } from "../works/rotation-learning.js";
import { rotationStepper } from "../works/rotation-step.js";
import { contender, operationsOf, type Prepare } from "./table.js";

export interface OurOptions {
  /** Such as `webgpu`. */
  readonly name: string;
  /** The npm package of the backend, and its version. */
  readonly package: string;
  readonly version: string;
  /** How the works `learning` and `learningSteps` learn. Default `default`. */
  readonly preset?: RotationPresetName;
}

/** Any backend of the tensor core, through the public API. The contender owns the backend. */
export function ours(backend: Backend, options: OurOptions): Contender {
  const { name, version, preset = "default" } = options;
  const operation = operationsOf<Tensor>({
    upload: ({ data, shape }) => fromTyped(data, shape, "f32", backend),
    wait: readOne,
    download,
    dispose: (x) => x.dispose(),
  });
  const { description, hostKernels } = backend.capabilities;
  const host = hostKernels.length === 0 ? {} : { hostKernels: hostKernels.join(" ") };
  return contender(
    {
      ...{ name, version, package: options.package },
      describe: () => ({ ...description, ...host }),
      dispose: () => backend.dispose(),
    },
    {
      gemm: operation((a, b) => a!.matmul(b!)),
      linear: operation((x, weight) => tidy(() => x!.matmul(weight!.transpose()))),
      linear24: ([x, weight], sizes) => {
        const { data, shape } = weight!;
        const parts = compressSparse24(encodeBFloat16(data), shape as readonly [number, number]);
        const packed = Sparse24Weight.pack(parts!, backend);
        const prepared = operation((rows) => sparse24Matmul(rows!, packed))([x!], sizes);
        return withDisposal(prepared, packed);
      },
      exp: operation((x) => x!.exp()),
      log: operation((x) => x!.log()),
      softmax: operation((x) => softmax(x!)),
      add: operation((a, b) => a!.add(b!)),
      rmsNorm: operation((x, gain) => rmsNorm(x!, gain!, rmsNormEpsilon)),
      sum: operation((x) => sum(x!)),
      rowMax: operation((x) => max(x!, { axis: -1 })),
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
      decoderBlock: (inputs, sizes) => {
        const shape = shapeOfSizes(sizes);
        return operation((...operands) => decoderBlockForward(operands, shape))(inputs, sizes);
      },
      rotationStep: stepPrepare(backend),
      learning: learningPrepare(backend, preset),
      learningSteps: stepsPrepare(backend, preset),
    },
  );
}

/** Disposes of `owned` too. */
async function withDisposal(prepared: ReturnType<Prepare>, owned: { dispose(): void }): Promise<Prepared> {
  const work = await prepared;
  return {
    ...work,
    dispose() {
      work.dispose();
      owned.dispose();
    },
  };
}

const stepPrepare =
  (backend: Backend): Prepare =>
  async (inputs, sizes) => {
    const { take, dispose } = await rotationStepper(inputs, sizes, { backend, preset: "default" });
    let last: Awaited<ReturnType<typeof take>> | undefined;
    return {
      async run() {
        last?.dispose();
        last = await take(1);
      },
      finish: async () => last && readOne(last.R1),
      results: () => Promise.all([last!.R1, last!.R2].map(download)),
      dispose() {
        last?.dispose();
        dispose();
      },
    };
  };
