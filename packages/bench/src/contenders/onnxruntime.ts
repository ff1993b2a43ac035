import type { Env, InferenceSession, Tensor, TypedTensor } from "onnxruntime-web";
import { type Contender, type Dense, Unsupported } from "../contender.js";
import { requireWebgpu } from "../host.js";
import { rmsNormEpsilon } from "../works/elementwise.js";
import { gpuFeeds, readGpuElement } from "./onnx-gpu.js";
import { type OnnxNode, onnxModel } from "./onnx-model.js";
import type { PeerOptions } from "./peer-options.js";
import { contender, type Prepare, type PrepareTable } from "./table.js";

/** What onnxruntime-web and onnxruntime-node have in common. */
export interface OnnxRuntime {
  readonly InferenceSession: {
    create(model: Uint8Array, options: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
  readonly Tensor: typeof Tensor;
  readonly env: Env;
}

/**
 * ONNX Runtime's browser build on its WebAssembly or WebGPU provider, on models of one operator. On WebAssembly it copies
 * operands and results in and out of its memory at every run; on WebGPU they stay on the device.
 */
export async function onnxruntimeWeb(
  provider: "wasm" | "webgpu",
  options: PeerOptions = {},
): Promise<Contender> {
  if (provider === "webgpu") requireWebgpu();
  const runtime = (await load(provider)) as unknown as OnnxRuntime;
  if (options.threads !== undefined) runtime.env.wasm.numThreads = options.threads;
  if (options.onnxruntimeWasmPath !== undefined)
    runtime.env.wasm.wasmPaths = options.onnxruntimeWasmPath as string;
  const name = "onnxruntime-web";
  return contender(
    {
      ...{ name: `${name}-${provider}`, package: name },
      version: options.versions?.[name] ?? runtime.env.versions.web ?? "",
      describe: () =>
        provider === "wasm" && runtime.env.wasm.numThreads ? { threads: runtime.env.wasm.numThreads } : {},
      async dispose() {},
    },
    onnxTable(runtime, { executionProviders: [provider] }),
  );
}

function load(provider: "wasm" | "webgpu"): Promise<object> {
  if (provider === "webgpu") return import("onnxruntime-web/webgpu");
  // Node's build is another file, which bundlers for browsers need not see.
  const node = "onnxruntime-web";
  const inNode = (globalThis as { process?: { versions?: { node?: string } } }).process?.versions?.node;
  return inNode ? import(/* @vite-ignore */ node) : import("onnxruntime-web/wasm");
}

/** Works by models of one operator. */
export function onnxTable(runtime: OnnxRuntime, options: InferenceSession.SessionOptions): PrepareTable {
  const onGpu = options.executionProviders?.[0] === "webgpu";
  const operator =
    (node: (inputs: readonly Dense[]) => Omit<OnnxNode, "inputs">): Prepare =>
    async (inputs) => {
      const model = onnxModel({ ...node(inputs), inputs: inputs.map(({ shape }) => shape) });
      const session = await create(runtime, model, {
        ...options,
        ...(onGpu ? { preferredOutputLocation: "gpu-buffer" } : {}),
      });
      const { feeds, free } = onGpu ? await gpuFeeds(runtime, inputs) : hostFeeds(runtime, inputs);
      let last: TypedTensor<"float32"> | undefined;
      return {
        async run() {
          if (onGpu) last?.dispose();
          last = (await session.run(feeds)).y as TypedTensor<"float32">;
        },
        finish: async () => onGpu && last && readGpuElement(runtime, last),
        results: async () => [
          { shape: last!.dims, data: Float32Array.from((await last!.getData()) as Float32Array) },
        ],
        dispose() {
          if (onGpu) last?.dispose();
          free();
          void session.release();
        },
      };
    };
  const like =
    (operator: string) =>
    ([x]: readonly Dense[]) => ({ operator, output: x!.shape });
  return {
    gemm: operator(([a, b]) => ({
      operator: "MatMul",
      output: [...a!.shape.slice(0, -1), b!.shape.at(-1)!],
    })),
    linear: operator(([x, weight]) => ({
      operator: "Gemm",
      output: [x!.shape[0]!, weight!.shape[0]!],
      attributes: { transB: 1 },
    })),
    exp: operator(like("Exp")),
    log: operator(like("Log")),
    add: operator(like("Add")),
    softmax: operator((inputs) => ({ ...like("Softmax")(inputs), attributes: { axis: -1 } })),
    rmsNorm: operator((inputs) => ({
      ...like("RMSNormalization")(inputs),
      attributes: { axis: -1, epsilon: { float: rmsNormEpsilon } },
    })),
    sum: operator(() => ({ operator: "ReduceSum", output: [], attributes: { keepdims: 0 } })),
    rowMax: operator(([x]) => ({
      operator: "ReduceMax",
      output: [x!.shape[0]!],
      constants: [[1]],
      attributes: { keepdims: 0 },
    })),
    attention: operator((inputs) => ({ ...like("Attention")(inputs), attributes: { is_causal: 1 } })),
  };
}

const hostFeeds = (runtime: OnnxRuntime, inputs: readonly Dense[]) => ({
  feeds: Object.fromEntries(
    inputs.map(({ data, shape }, i) => [`x${i}`, new runtime.Tensor("float32", data, shape)]),
  ),
  free() {},
});

async function create(runtime: OnnxRuntime, model: Uint8Array, options: InferenceSession.SessionOptions) {
  try {
    return await runtime.InferenceSession.create(model, { ...options, logSeverityLevel: 3 });
  } catch (error) {
    throw new Unsupported(`refuses the model: ${(error as Error).message}`);
  }
}
