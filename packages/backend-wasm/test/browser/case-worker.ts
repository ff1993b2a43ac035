// Runs the testkit's cases, by their number, on a worker's thread, which may wait for other threads.
import { type ConformanceCase, leakCheck } from "@denoise-rotator/backend-testkit";
import { type WasmBackend, wasm } from "../../src/index.js";
import { allCases } from "./all-cases.js";

export type Request =
  | { readonly kind: "open"; readonly threads: number; readonly seed: number }
  | { readonly kind: "run"; readonly index: number }
  | { readonly kind: "close" };

/** `threads` answers `open`; `skip` and `error` say why a case did not apply, or failed. */
export interface Answer {
  readonly threads?: number;
  readonly skip?: string;
  readonly error?: string;
}

let backend: WasmBackend;
let cases: readonly ConformanceCase[];

async function answer(request: Request): Promise<Answer> {
  if (request.kind === "open") {
    backend = await wasm({ threads: request.threads });
    cases = allCases(request.seed);
    return { threads: Number(backend.capabilities.description.threads) };
  }
  if (request.kind === "close") {
    await backend.dispose();
    return {};
  }
  const one = cases[request.index]!;
  const skip = one.skip(backend);
  if (skip !== undefined) return { skip };
  await leakCheck(backend, () => one.run(backend));
  return {};
}

addEventListener("message", async ({ data }: MessageEvent<Request>) => {
  postMessage(await answer(data).catch((error: Error): Answer => ({ error: error.stack ?? error.message })));
});
