import { ModeUnavailableError } from "./errors.js";

/** Kept for the life of the process: Dawn crashes when its instance is collected while a device is in use. */
let instance: GPU | undefined;

const isNode = (): boolean =>
  typeof (globalThis as { process?: { versions?: { node?: string } } }).process?.versions?.node === "string";

/**
 * In Node, whose `navigator` has no `gpu`: sets it to that of the npm package `webgpu`, since gpu.js looks nowhere else.
 * What is there is left alone. Throws {@link ModeUnavailableError} where there is none.
 */
export async function provideNavigatorGpu(): Promise<void> {
  const { navigator } = globalThis as { navigator?: { gpu?: unknown } };
  if (navigator?.gpu) return;
  if (!isNode()) {
    throw new ModeUnavailableError(
      "webgpu",
      "this page has no navigator.gpu; use a browser with WebGPU over https or on localhost, or ask for another mode",
    );
  }
  instance ??= await createInstance();
  const property = (value: unknown) => ({ value, configurable: true, writable: true });
  if (navigator) Object.defineProperty(navigator, "gpu", property(instance));
  else Object.defineProperty(globalThis, "navigator", property({ gpu: instance }));
}

async function createInstance(): Promise<GPU> {
  // Not literals: bundlers of pages must not look for them.
  const [name, modules] = ["webgpu", "node:module"];
  let module: { create(options: string[]): GPU };
  try {
    const { createRequire } = await import(/* @vite-ignore */ /* webpackIgnore: true */ modules);
    // The CommonJS build has no import.meta.
    const here = typeof __filename === "string" ? __filename : import.meta.url;
    assertRecent(createRequire(here)(`${name}/package.json`).version);
    module = await import(/* @vite-ignore */ /* webpackIgnore: true */ name);
  } catch (cause) {
    if (cause instanceof ModeUnavailableError) throw cause;
    const reason = cause instanceof Error ? cause.message.split("\n")[0] : cause;
    throw new ModeUnavailableError(
      "webgpu",
      `WebGPU in Node comes from the npm package webgpu, which could not be loaded (${reason}); npm install webgpu@0.6.2, ` +
        "or ask for another mode",
      { cause },
    );
  }
  return module.create([]);
}

/** Throws {@link ModeUnavailableError} for versions before 0.6, such as gpu.js's own 0.2.9: they crash the process. */
export function assertRecent(version: string): void {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > 0 || minor >= 6) return;
  throw new ModeUnavailableError(
    "webgpu",
    `the npm package webgpu ${version} was found, which crashes; npm install webgpu@0.6.2, or ask for another mode`,
  );
}
