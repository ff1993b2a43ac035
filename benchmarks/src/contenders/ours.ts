import { wasm } from "@denoise-rotator/backend-wasm";
import { type Contender, type OurOptions, ours, Unsupported } from "@denoise-rotator/bench";
import { versionOf } from "../machine.js";
import { base } from "./names.js";

export interface WasmContenderOptions extends Pick<OurOptions, "preset"> {
  readonly turbo: boolean;
}

/** The wasm backend with exactly so many threads. */
export async function ourWasm(
  threads: number,
  { turbo, ...options }: WasmContenderOptions,
): Promise<Contender> {
  const name = "@denoise-rotator/backend-wasm";
  const backend = await wasm({ threads, turbo });
  const { description } = backend.capabilities;
  if (Number(description.threads ?? 1) !== threads) {
    throw new Unsupported(
      `the backend runs ${description.threads ?? 1} thread where ${threads} were asked for`,
    );
  }
  if (turbo && description.turbo !== true) {
    throw new Unsupported("no turbo mode on this engine, or its self-test failed");
  }
  return ours(backend, { ...options, name: base, package: name, version: versionOf(name) });
}
