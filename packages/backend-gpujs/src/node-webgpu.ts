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
  // Not a literal: bundlers of pages must not look for it.
  const name = "webgpu";
  let module: { create?: (options: string[]) => GPU };
  try {
    module = await import(/* @vite-ignore */ /* webpackIgnore: true */ name);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split("\n")[0] : cause;
    throw new ModeUnavailableError(
      "webgpu",
      `WebGPU in Node comes from the npm package webgpu, which could not be loaded (${reason}); npm install webgpu@0.6.2, ` +
        "or ask for another mode",
      { cause },
    );
  }
  if (!module.create) {
    throw new ModeUnavailableError(
      "webgpu",
      "the installed package webgpu is too old; npm install webgpu@0.6.2",
    );
  }
  return module.create([]);
}
