import type { Storage } from "./storage.js";

let reclaimed = 0;

const registry = /* @__PURE__ */ (() =>
  new FinalizationRegistry<Storage>((storage) => {
    reclaimed++;
    storage.release();
  }))();

/** Frees what user code dropped without `dispose()`. Every use is a leak that {@link reclaimedTensors} counts. */
export const watch = (handle: object, storage: Storage): void => registry.register(handle, storage, handle);
export const unwatch = (handle: object): void => {
  registry.unregister(handle);
};

/** How many tensors the garbage collector had to release so far: 0 in code that disposes of what it makes. */
export const reclaimedTensors = (): number => reclaimed;
