import { gpujs } from "@denoise-rotator/backend-gpujs";
import { wasm } from "@denoise-rotator/backend-wasm";
import { webgpu } from "@denoise-rotator/backend-webgpu";
import {
  type ContenderSource,
  ours,
  type PeerName,
  type PeerOptions,
  peerNames,
  peerSource,
  Unsupported,
} from "@denoise-rotator/bench";
import { type Backend, createCpuBackend } from "@denoise-rotator/core";
import tfjsWasm from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url";
import tfjsSimd from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url";
import tfjsThreads from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm?url";

/** Filled in by the build. */
declare const __VERSIONS__: Readonly<Record<string, string>>;

interface Own {
  readonly package: string;
  open(): Promise<Backend>;
}

const core = "@denoise-rotator/core";
const backendWasm = "@denoise-rotator/backend-wasm";

const own: Readonly<Record<string, Own>> = {
  webgpu: { package: "@denoise-rotator/backend-webgpu", open: () => webgpu() },
  "gpujs-webgpu": openGpujs("webgpu"),
  "gpujs-webgl2": openGpujs("webgl2"),
  wasm: { package: backendWasm, open: threadedWasm },
  "wasm-1-thread": { package: backendWasm, open: () => wasm({ threads: 1 }) },
  "gpujs-cpu": openGpujs("cpu"),
  cpu: { package: core, open: async () => createCpuBackend() },
};

/** What runs on the host stands in its description; it need not say so again. */
function openGpujs(mode: "webgpu" | "webgl2" | "cpu"): Own {
  return { package: "@denoise-rotator/backend-gpujs", open: () => gpujs({ mode, onNotice() {} }) };
}

async function threadedWasm(): Promise<Backend> {
  const backend = await wasm();
  if (Number(backend.capabilities.description.threads) > 1) return backend;
  await backend.dispose();
  throw new Unsupported(
    globalThis.crossOriginIsolated
      ? "one thread is all there is: see wasm-1-thread"
      : "no threads: the page is not cross-origin isolated (COOP and COEP headers); see wasm-1-thread",
  );
}

/** As many threads as our wasm backend takes, for libraries that would take half of that. */
const threads = globalThis.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, 8) : 1;

const peerOptions = (): PeerOptions => ({
  threads,
  versions: __VERSIONS__,
  tfjsWasmPath: {
    "tfjs-backend-wasm.wasm": tfjsWasm,
    "tfjs-backend-wasm-simd.wasm": tfjsSimd,
    "tfjs-backend-wasm-threaded-simd.wasm": tfjsThreads,
  },
});

export const ownNames = Object.keys(own);
export { peerNames };

/** A contender by its name, opened where it is measured. */
export function sourceOf(name: string): ContenderSource {
  const mine = own[name];
  if (!mine) return peerSource(name as PeerName, peerOptions());
  const version = __VERSIONS__[mine.package] ?? "";
  return { name, open: async () => ours(await mine.open(), { name, package: mine.package, version }) };
}
