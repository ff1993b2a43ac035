import type { CreateContender } from "./limits.js";
import { base } from "./names.js";

/** The contenders that run under Node, by name. Modules are loaded in the contender's own process alone. */
export const contenders: Readonly<Record<string, CreateContender>> = {
  [base]: async (threads) => (await import("./ours.js")).ourWasm(threads, { turbo: false }),
  [`${base}-turbo`]: async (threads) => (await import("./ours.js")).ourWasm(threads, { turbo: true }),
  [`${base}-fast`]: async (threads) =>
    (await import("./ours.js")).ourWasm(threads, { turbo: false, preset: "fast" }),
  [`${base}-paper`]: async (threads) =>
    (await import("./ours.js")).ourWasm(threads, { turbo: false, preset: "paper" }),
  "tfjs-wasm": async (threads) => (await import("./peers.js")).nodeTfjs(threads, "wasm"),
  "tfjs-cpu": async (threads) => (await import("./peers.js")).nodeTfjs(threads, "cpu"),
  "jax-js": async (threads) => (await import("./peers.js")).nodeJaxJs(threads),
  "onnxruntime-web": async (threads) => (await import("./peers.js")).nodeOnnxruntimeWeb(threads),
  "onnxruntime-node": async (threads) => (await import("./peers.js")).onnxruntimeNode(threads),
  "ml-matrix": async (threads) => (await import("./ml-matrix.js")).mlMatrix(threads),
  "naive-js": async (threads) => (await import("./peers.js")).nodeNaive(threads),
};
