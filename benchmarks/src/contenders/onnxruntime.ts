import type { InferenceSession, Tensor, TypedTensor } from "onnxruntime-web";
import { type Contender, type Dense, Unsupported } from "../harness/contender.js";
import { versionOf } from "../machine.js";
import { rmsNormEpsilon } from "../works/elementwise.js";
import { type OnnxNode, onnxModel } from "./onnx-model.js";
import { contender, type Prepare } from "./table.js";

/** What the two packages have in common. */
interface Runtime {
  readonly InferenceSession: {
    create(model: Uint8Array, options: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
  readonly Tensor: typeof Tensor;
}

/** ONNX Runtime compiled to WebAssembly; it copies operands and results in and out of its memory at every run. */
export async function onnxruntimeWeb(threads: number): Promise<Contender> {
  const runtime = await import("onnxruntime-web");
  runtime.env.wasm.numThreads = threads;
  return onnxruntime("onnxruntime-web", runtime, { executionProviders: ["wasm"] });
}

/** ONNX Runtime, native. */
export async function onnxruntimeNode(threads: number): Promise<Contender> {
  const runtime = await import("onnxruntime-node").catch((error: Error) => {
    throw new Unsupported(`does not load: ${error.message}`);
  });
  return onnxruntime("onnxruntime-node", runtime as unknown as Runtime, {
    executionProviders: ["cpu"],
    intraOpNumThreads: threads,
  });
}

function onnxruntime(name: string, runtime: Runtime, options: InferenceSession.SessionOptions): Contender {
  const operator =
    (node: (inputs: readonly Dense[]) => Omit<OnnxNode, "inputs">): Prepare =>
    async (inputs) => {
      const model = onnxModel({ ...node(inputs), inputs: inputs.map(({ shape }) => shape) });
      const session = await create(runtime, model, options);
      const feeds = Object.fromEntries(
        inputs.map(({ data, shape }, i) => [`x${i}`, new runtime.Tensor("float32", data, shape)]),
      );
      let last: TypedTensor<"float32"> | undefined;
      return {
        async run() {
          last = (await session.run(feeds)).y as TypedTensor<"float32">;
        },
        results: () => [{ shape: last!.dims, data: Float32Array.from(last!.data) }],
      };
    };
  const like =
    (operator: string) =>
    ([x]: readonly Dense[]) => ({ operator, output: x!.shape });
  return contender(
    { [name]: versionOf(name) },
    {
      gemm: operator(([a, b]) => ({
        operator: "MatMul",
        output: [...a!.shape.slice(0, -1), b!.shape.at(-1)!],
      })),
      exp: operator(like("Exp")),
      log: operator(like("Log")),
      add: operator(like("Add")),
      softmax: operator((inputs) => ({ ...like("Softmax")(inputs), attributes: { axis: -1 } })),
      rmsNorm: operator((inputs) => ({
        ...like("RMSNormalization")(inputs),
        attributes: { axis: -1, epsilon: { float: rmsNormEpsilon } },
      })),
      attention: operator((inputs) => ({ ...like("Attention")(inputs), attributes: { is_causal: 1 } })),
    },
  );
}

async function create(runtime: Runtime, model: Uint8Array, options: InferenceSession.SessionOptions) {
  try {
    return await runtime.InferenceSession.create(model, { ...options, logSeverityLevel: 3 });
  } catch (error) {
    throw new Unsupported(`refuses the model: ${(error as Error).message}`);
  }
}
