import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import {
  type Contender,
  contender,
  jaxJs,
  naive,
  type OnnxRuntime,
  onnxruntimeWeb,
  onnxTable,
  tfjs,
  Unsupported,
} from "@denoise-rotator/bench";
import { versionOf } from "../machine.js";
import { requireOneThread, slowEigen, slowProducts } from "./limits.js";

const versions = (name: string) => ({ versions: { [name]: versionOf(name) } });

/** TensorFlow.js on its WebAssembly (SIMD) or its plain JavaScript backend. */
export async function nodeTfjs(threads: number, backend: "wasm" | "cpu"): Promise<Contender> {
  requireOneThread(threads, "tfjs");
  const name = `@tensorflow/tfjs-backend-${backend}`;
  const folder = join(dirname(createRequire(import.meta.url).resolve(name)), "/");
  const opened = await tfjs(backend, { ...versions(name), tfjsWasmPath: folder });
  return backend === "cpu" ? slowProducts(opened) : opened;
}

/** jax-js on its WebAssembly backend. */
export async function nodeJaxJs(threads: number): Promise<Contender> {
  requireOneThread(threads, "jax-js");
  return slowEigen(await jaxJs("wasm", versions("@jax-js/jax")));
}

export const nodeOnnxruntimeWeb = (threads: number): Promise<Contender> =>
  onnxruntimeWeb("wasm", { ...versions("onnxruntime-web"), threads });

/** ONNX Runtime, native. */
export async function onnxruntimeNode(threads: number): Promise<Contender> {
  const name = "onnxruntime-node";
  const runtime = await import("onnxruntime-node").catch((error: Error) => {
    throw new Unsupported(`does not load: ${error.message}`);
  });
  const options = { executionProviders: ["cpu"], intraOpNumThreads: threads };
  return contender(
    { ...{ name, package: name, version: versionOf(name) }, async dispose() {} },
    onnxTable(runtime as unknown as OnnxRuntime, options),
  );
}

/** Nested loops. */
export async function nodeNaive(threads: number): Promise<Contender> {
  requireOneThread(threads, "a loop");
  return slowProducts(naive(), 512);
}
