import type { Storage } from "./storage.js";

/** What the safety net needs of a handle. */
export interface Watched {
  readonly isDisposed: boolean;
  /** Whether the garbage collector was told of the handle; set here. */
  guarded: boolean;
}

let reclaimed = 0;

const registry = /* @__PURE__ */ (() =>
  new FinalizationRegistry<Storage>((storage) => {
    reclaimed++;
    storage.release();
  }))();

/*
 * Telling the garbage collector costs more than a small operation, and most handles are disposed of soon. So the latest
 * ones wait: those that are still in use when as many others have been made, or when the running code yields, are told.
 */
const waiting = 64;
const handles: (Watched | undefined)[] = new Array<undefined>(waiting).fill(undefined);
const storages: (Storage | undefined)[] = new Array<undefined>(waiting).fill(undefined);
let next = 0;
let scheduled = false;

function guard(place: number): void {
  const handle = handles[place];
  if (handle && !handle.isDisposed) {
    handle.guarded = true;
    registry.register(handle, storages[place]!, handle);
  }
  handles[place] = undefined;
  storages[place] = undefined;
}

function guardAll(): void {
  scheduled = false;
  for (let place = 0; place < waiting; place++) guard(place);
}

/** Frees what user code dropped without `dispose()`. Every use is a leak that {@link reclaimedTensors} counts. */
export function watch(handle: Watched, storage: Storage): void {
  guard(next);
  handles[next] = handle;
  storages[next] = storage;
  next = (next + 1) % waiting;
  if (!scheduled) {
    scheduled = true;
    queueMicrotask(guardAll);
  }
}

export function unwatch(handle: Watched): void {
  if (handle.guarded) registry.unregister(handle);
}

/** How many tensors the garbage collector had to release so far: 0 in code that disposes of what it makes. */
export const reclaimedTensors = (): number => reclaimed;
