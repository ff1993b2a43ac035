import type { numpy } from "@jax-js/jax";
import { type Contender, type Dense, Unsupported } from "../contender.js";
import { requireWebgpu } from "../host.js";
import { shapeOfSizes } from "../works/block-shape.js";
import { rmsNormEpsilon } from "../works/elementwise.js";
import { identity } from "../works/factorisations.js";
import { jaxDecoderBlock } from "./jax-decoder-block.js";
import type { PeerOptions } from "./peer-options.js";
import { contender, operationsOf, type Prepare } from "./table.js";

type JaxArray = numpy.Array;
type Traced = (...inputs: JaxArray[]) => JaxArray | JaxArray[];

/** jax-js on its WebAssembly or WebGPU backend, every operation traced once by `jit`. */
export async function jaxJs(device: "wasm" | "webgpu", options: PeerOptions = {}): Promise<Contender> {
  const { defaultDevice, getWebGPUDevice, init, jit, lax, nn, numpy: np } = await import("@jax-js/jax");
  if (device === "webgpu") requireWebgpu();
  const scope = globalThis as { Worker?: unknown };
  const hadWorkers = scope.Worker !== undefined;
  if (!(await init(device)).includes(device)) {
    throw new Unsupported(`its ${device} backend does not start here`);
  }
  const array = ({ data, shape }: Dense) =>
    np.array(data as Float32Array<ArrayBuffer>, { shape: [...shape], device });
  const arrays = operationsOf<JaxArray>({
    upload: array,
    // `run` has waited: what is disposed of before it was submitted would never run.
    wait: async () => {},
    download: async (x) => ({
      shape: x.shape,
      data: Float32Array.from((await x.ref.data()) as Float32Array),
    }),
    dispose: (x) => x.dispose(),
  });
  const operation = (
    traced: Traced,
    compile: (traced: Traced) => Traced = (each) => jit(each) as Traced,
  ): Prepare => {
    const compiled = compile(traced);
    return arrays(async (...operands) => {
      // An operation consumes its operands.
      const results = compiled(...operands.map((x) => x.ref));
      for (const result of Array.isArray(results) ? results : [results]) await result.blockUntilReady();
      return results;
    });
  };

  /** `[1, heads, tokens, dim]` as it wants it: `[1, tokens, heads, dim]`. */
  const swap = (x: JaxArray) => np.transpose(x, [0, 2, 1, 3]);

  const name = "@jax-js/jax";
  return contender(
    {
      ...{ name: `jax-js-${device}`, package: name, version: options.versions?.[name] ?? "" },
      describe: () => describe(device === "webgpu" ? getWebGPUDevice() : undefined),
      async activate() {
        defaultDevice(device);
        // ONNX Runtime brings `Worker` to Node, from which jax-js concludes that it can use threads, which fails.
        if (!hadWorkers) delete scope.Worker;
      },
      async dispose() {},
    },
    {
      gemm: operation((a, b) => np.matmul(a!, b!)),
      linear: operation((x, weight) => np.matmul(x!, np.transpose(weight!))),
      exp: operation((x) => np.exp(x!)),
      log: operation((x) => np.log(x!)),
      softmax: operation((x) => nn.softmax(x!, -1)),
      add: operation((a, b) => np.add(a!, b!)),
      rmsNorm: operation((x, gain) => {
        const meanSquare = np.mean(np.square(x!.ref), -1, { keepdims: true });
        return x!.div(np.sqrt(meanSquare.add(rmsNormEpsilon))).mul(gain!);
      }),
      sum: operation((x) => np.sum(x!)),
      rowMax: operation((x) => np.max(x!, -1)),
      attention: operation((q, k, v) =>
        swap(nn.dotProductAttention(swap(q!), swap(k!), swap(v!), { isCausal: true })),
      ),
      cholesky: operation((a) => lax.linalg.cholesky(a!)),
      triangularInverse: (inputs, sizes) => {
        const solve = (a: JaxArray, b: JaxArray) =>
          lax.linalg.triangularSolve(a, b, { leftSide: true, lower: true });
        // `jit` refuses a triangular solve whose operands are arguments.
        const eager = (traced: Traced) => traced;
        return operation((a, b) => solve(a!, b!), eager)([...inputs, identity(sizes[0]!)], sizes);
      },
      symmetricEigen: operation((a) => {
        const [vectors, values] = lax.linalg.eigh(a!) as unknown as [JaxArray, JaxArray];
        return [values, vectors];
      }),
      decoderBlock: (inputs, sizes) =>
        operation(jaxDecoderBlock({ np, nn }, shapeOfSizes(sizes), sizes[5]!))(inputs, sizes),
    },
  );
}

function describe(device: object | undefined): Record<string, string> {
  const { adapterInfo } = (device ?? {}) as { adapterInfo?: { vendor?: string; architecture?: string } };
  return adapterInfo?.vendor
    ? { adapter: `${adapterInfo.vendor} ${adapterInfo.architecture ?? ""}`.trim() }
    : {};
}
