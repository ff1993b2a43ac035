/** What of Node's built-in modules is used, where they exist. */
interface NodeBuiltins {
  "node:os": { availableParallelism(): number };
  "node:worker_threads": { Worker: new (file: URL, options: object) => NodeWorker };
  "node:v8": { setFlagsFromString(flags: string): void };
}

export interface NodeWorker {
  unref(): void;
  terminate(): Promise<number>;
  on(event: "error", listener: (error: Error) => void): void;
  on(event: "exit", listener: (code: number) => void): void;
}

interface Process {
  getBuiltinModule?(id: string): unknown;
}

/** A built-in module of Node (20.16 or newer), `undefined` elsewhere. No import, so bundlers for browsers see nothing. */
export function nodeBuiltin<K extends keyof NodeBuiltins>(id: K): NodeBuiltins[K] | undefined {
  const { process } = globalThis as { process?: Process };
  return process?.getBuiltinModule?.(id) as NodeBuiltins[K] | undefined;
}

/** Most threads taken without being asked to. */
const defaultLimit = 8;
/** Most threads that may be asked for. */
export const maximumThreads = 64;

/** Hardware threads, at most 8. */
export function defaultThreads(): number {
  const hardware =
    nodeBuiltin("node:os")?.availableParallelism() ?? globalThis.navigator?.hardwareConcurrency ?? 1;
  return Math.max(1, Math.min(defaultLimit, hardware));
}

/**
 * Whether this thread may share memory and wait for others: false on a browser page's main thread, and where the page
 * is not cross-origin isolated.
 */
export function supportsThreads(): boolean {
  const { crossOriginIsolated } = globalThis as { crossOriginIsolated?: boolean };
  if (typeof SharedArrayBuffer === "undefined" || crossOriginIsolated === false) return false;
  if (typeof Worker === "undefined" && !nodeBuiltin("node:worker_threads")) return false;
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0);
    return true;
  } catch {
    return false;
  }
}
