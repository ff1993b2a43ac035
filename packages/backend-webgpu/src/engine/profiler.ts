import { mapModeRead, usage } from "./usage.js";

/** Dispatches of one operation since the last report. */
export interface ProfileRow {
  readonly op: string;
  readonly dispatches: number;
  /** Time on the device; `undefined` where the adapter has no `timestamp-query`. */
  readonly milliseconds: number | undefined;
}

interface Tally {
  dispatches: number;
  nanoseconds: number;
}

/** Counts dispatches and, where the device can, their time, by operation. */
export class Profiler {
  readonly #device: GPUDevice;
  readonly #timed: boolean;
  readonly #capacity: number;
  #queries: GPUQuerySet | undefined;
  #ops: string[] = [];
  #tallies = new Map<string, Tally>();
  readonly #pending = new Set<Promise<void>>();

  /** At most `capacity` dispatches between two calls of `resolve`. */
  constructor(device: GPUDevice, capacity: number) {
    this.#device = device;
    this.#capacity = capacity;
    this.#timed = device.features.has("timestamp-query");
  }

  /** How to begin the pass of one dispatch. */
  pass(op: string): GPUComputePassDescriptor {
    this.#tally(op).dispatches++;
    if (!this.#timed) return {};
    this.#queries ??= this.#device.createQuerySet({ type: "timestamp", count: 2 * this.#capacity });
    const at = 2 * this.#ops.length;
    this.#ops.push(op);
    return {
      timestampWrites: {
        querySet: this.#queries,
        beginningOfPassWriteIndex: at,
        endOfPassWriteIndex: at + 1,
      },
    };
  }

  /** Ends a batch: what is returned is to be called after its submission. */
  resolve(encoder: GPUCommandEncoder): () => void {
    const ops = this.#ops;
    if (ops.length === 0) return () => {};
    this.#ops = [];
    const size = ops.length * 16;
    const resolved = this.#device.createBuffer({ size, usage: usage.queryResolve | usage.copySource });
    const mapped = this.#device.createBuffer({ size, usage: usage.mapRead | usage.copyTarget });
    encoder.resolveQuerySet(this.#queries!, 0, 2 * ops.length, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, mapped, 0, size);
    return () => {
      const done = mapped.mapAsync(mapModeRead).then(
        () => {
          const times = new BigUint64Array(mapped.getMappedRange());
          ops.forEach((op, i) => {
            this.#tally(op).nanoseconds += Math.max(0, Number(times[2 * i + 1]! - times[2 * i]!));
          });
          mapped.destroy();
          resolved.destroy();
        },
        () => {},
      );
      this.#pending.add(done);
      void done.finally(() => this.#pending.delete(done));
    };
  }

  /** What ran since the last report, the longest first. */
  async report(): Promise<ProfileRow[]> {
    await Promise.all(this.#pending);
    const rows = [...this.#tallies].map(([op, { dispatches, nanoseconds }]) => ({
      op,
      dispatches,
      milliseconds: this.#timed ? nanoseconds / 1e6 : undefined,
    }));
    this.#tallies = new Map();
    return rows.sort((a, b) => (b.milliseconds ?? b.dispatches) - (a.milliseconds ?? a.dispatches));
  }

  #tally(op: string): Tally {
    let tally = this.#tallies.get(op);
    if (!tally) {
      tally = { dispatches: 0, nanoseconds: 0 };
      this.#tallies.set(op, tally);
    }
    return tally;
  }
}
