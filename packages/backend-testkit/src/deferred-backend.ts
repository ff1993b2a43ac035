import type { Backend, DeviceBuffer, FusedKernels, Kernels } from "@denoise-rotator/core";

export interface DeferredOptions {
  /** Optional kernels of the inner backend to offer. Default: none. */
  readonly kernels?: readonly (keyof FusedKernels)[];
}

/** See {@link deferredBackend}. */
export interface DeferredBackend extends Backend {
  /** Reads so far: what the host waited for the device. */
  reads(): number;
  /** Kernels run so far. */
  dispatches(): number;
}

const required = [
  ...(["fill", "copy", "unary", "binary", "select", "reduce", "matmul", "gather", "scatterAdd"] as const),
  ...(["argsort", "smallest", "triangularSolve", "choleskyPanel", "qrPanel"] as const),
];

/**
 * `inner` with no more than the contract promises, as a GPU might be: kernels, writes and frees wait in a queue until `flush`
 * or `read`; what goes wrong in them surfaces at the next read; there is no `readSync`; new buffers hold NaN; optional
 * kernels, 16-bit factors and `peakBytes` are missing. What runs on it waits for the device nowhere but at reads, which it
 * counts. Disposing of it disposes of `inner`.
 */
export function deferredBackend(inner: Backend, { kernels = [] }: DeferredOptions = {}): DeferredBackend {
  const queue: (() => void)[] = [];
  const sizes = new Map<DeviceBuffer, number>();
  let [allocated, reads, dispatches] = [0, 0, 0];
  let failure: { readonly error: unknown } | undefined;

  const drain = () => {
    for (const task of queue.splice(0)) {
      try {
        task();
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  const offered = [...required, ...kernels].map((name) => {
    const run = (inner.kernels as unknown as Record<string, (...args: unknown[]) => void>)[name];
    const enqueue = (...args: unknown[]) => {
      queue.push(() => {
        dispatches++;
        run!(...args);
      });
    };
    return [name, enqueue] as const;
  });

  return {
    name: `deferred ${inner.name}`,
    capabilities: {
      dtypes: inner.capabilities.dtypes,
      hostKernels: [],
      maxBufferBytes: inner.capabilities.maxBufferBytes,
      allocatedBytes: () => allocated,
      description: { ...inner.capabilities.description, deferred: true },
    },
    kernels: Object.fromEntries(offered) as unknown as Kernels,
    allocate(byteLength) {
      const buffer = inner.allocate(byteLength);
      sizes.set(buffer, byteLength);
      allocated += byteLength;
      queue.push(() => inner.write(buffer, 0, new Uint8Array(byteLength).fill(0xff)));
      return buffer;
    },
    free(buffer) {
      allocated -= sizes.get(buffer)!;
      sizes.delete(buffer);
      queue.push(() => inner.free(buffer));
    },
    write(buffer, byteOffset, bytes) {
      const copy = bytes.slice();
      queue.push(() => inner.write(buffer, byteOffset, copy));
    },
    async read(buffer, byteOffset, byteLength) {
      reads++;
      drain();
      const bytes = inner.readSync
        ? inner.readSync(buffer, byteOffset, byteLength)
        : await inner.read(buffer, byteOffset, byteLength);
      if (!failure) return bytes;
      const { error } = failure;
      failure = undefined;
      throw error;
    },
    flush: drain,
    dispose: () => {
      queue.length = 0;
      return inner.dispose();
    },
    reads: () => reads,
    dispatches: () => dispatches,
  };
}
