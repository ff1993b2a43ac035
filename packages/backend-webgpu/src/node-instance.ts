import { WebgpuMissingError } from "./errors.js";

interface WebgpuModule {
  create(options: string[]): GPU;
}

/**
 * Instances by their options, for the life of the process: Dawn crashes when one is collected while its device is in
 * use. An instance without devices keeps no process alive.
 */
const instances = new Map<string, GPU>();

/** Where the process is Node (or another runtime with its modules) rather than a page. */
export const isNode = (): boolean =>
  typeof (globalThis as { process?: { versions?: { node?: string } } }).process?.versions?.node === "string";

/** The instance of the npm package `webgpu`, which is loaded here. Throws {@link WebgpuMissingError}. */
export async function nodeInstance(adapter: string | undefined): Promise<GPU> {
  const options = ["disable-dawn-features=timestamp_quantization"];
  if (adapter !== undefined) options.push(`adapter=${adapter}`);
  const key = options.join(" ");
  let instance = instances.get(key);
  if (!instance) {
    instance = (await load()).create(options);
    instances.set(key, instance);
  }
  return instance;
}

async function load(): Promise<WebgpuModule> {
  // Not a literal: bundlers of pages must not look for it.
  const name = "webgpu";
  try {
    return (await import(/* @vite-ignore */ /* webpackIgnore: true */ name)) as WebgpuModule;
  } catch (cause) {
    throw new WebgpuMissingError(
      "WebGPU in Node comes from the npm package webgpu, which could not be loaded " +
        `(${cause instanceof Error ? cause.message.split("\n")[0] : cause}); npm install webgpu@0.6.2`,
      { cause },
    );
  }
}
