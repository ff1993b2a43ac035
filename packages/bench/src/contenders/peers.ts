import { type Contender, type ContenderSource, Unsupported } from "../contender.js";
import { jaxJs } from "./jax-js.js";
import { naive, naiveName } from "./naive.js";
import { onnxruntimeWeb } from "./onnxruntime.js";
import type { PeerOptions } from "./peer-options.js";
import { tfjs } from "./tfjs.js";

const openers = {
  [naiveName]: async () => naive(),
  "tfjs-cpu": (options) => tfjs("cpu", options),
  "tfjs-wasm": (options) => tfjs("wasm", options),
  "tfjs-webgl": (options) => tfjs("webgl", options),
  "tfjs-webgpu": (options) => tfjs("webgpu", options),
  "jax-js-wasm": (options) => jaxJs("wasm", options),
  "jax-js-webgpu": (options) => jaxJs("webgpu", options),
  "onnxruntime-web-wasm": (options) => onnxruntimeWeb("wasm", options),
  "onnxruntime-web-webgpu": (options) => onnxruntimeWeb("webgpu", options),
} as const satisfies Record<string, (options: PeerOptions) => Promise<Contender>>;

export type PeerName = keyof typeof openers;

/** Other libraries that can take part, and plain loops. They are optional peer dependencies, imported when opened. */
export const peerNames = Object.keys(openers) as PeerName[];

export const peerSource = (name: PeerName, options: PeerOptions = {}): ContenderSource => ({
  name,
  async open() {
    try {
      return await openers[name](options);
    } catch (error) {
      // Node names the package and the file that wants it.
      const [, missing] = /^Cannot find (?:package|module) '([^']+)'/.exec((error as Error).message) ?? [];
      throw missing === undefined ? error : new Unsupported(`${missing} is not installed`);
    }
  },
});
