import { type Backend, fromTyped, Random, type Tensor, tidy } from "@denoise-rotator/core";
import { ConformanceError } from "./compare.js";

export interface SoakOptions {
  /** Kernels to run at least; default 20,000. */
  readonly dispatches?: number;
  /** Of sizes and values. Default 1. */
  readonly seed?: number;
  /** Called twenty times, evenly over the run, with what ran so far: to look at the process's memory. */
  readonly onSample?: (sample: SoakSample) => void;
}

export interface SoakSample {
  readonly dispatches: number;
  readonly reads: number;
  /** Bytes that the backend has allocated between two rounds; the same each time unless it leaks. */
  readonly allocatedBytes: number;
}

/** Kernels of a round of {@link soak}. */
const roundDispatches = 8;

/**
 * Runs kernels over tensors of changing sizes, reads results after every eight of them and checks what is read: what a day of
 * work is for a device's queue, its buffers and its reads. The caller looks at the memory of the process.
 *
 * @throws ConformanceError for a wrong value, or memory of the backend that stays allocated.
 */
export async function soak(backend: Backend, options: SoakOptions = {}): Promise<SoakSample> {
  const { dispatches = 20_000, seed = 1, onSample } = options;
  const random = new Random(seed);
  const rounds = Math.ceil(dispatches / roundDispatches);
  const before = backend.capabilities.allocatedBytes();
  const every = Math.max(1, Math.floor(rounds / 20));
  let sample: SoakSample = { dispatches: 0, reads: 0, allocatedBytes: before };
  for (let round = 1; round <= rounds; round++) {
    const reads = await soakRound(backend, random);
    const allocatedBytes = backend.capabilities.allocatedBytes();
    if (allocatedBytes !== before) {
      throw new ConformanceError(
        `${backend.name}: ${allocatedBytes - before} bytes stay allocated after round ${round}`,
      );
    }
    sample = { dispatches: round * roundDispatches, reads: sample.reads + reads, allocatedBytes };
    if (round % every === 0) onSample?.(sample);
  }
  return sample;
}

/** Eight kernels and two reads; the first is asked for before the kernels that come after it. */
async function soakRound(backend: Backend, random: Random): Promise<number> {
  const [rows, columns] = [1 + random.integer(60), 1 + random.integer(60)];
  const values = Float32Array.from({ length: rows * columns }, () => random.integer(9) - 4);
  const x = fromTyped(values, [rows, columns], "f32", backend);
  const held: Tensor[] = [x];
  try {
    const doubled = tidy(() => x.mul(2).add(1));
    held.push(doubled);
    const first = doubled.sum({ axis: 1 });
    held.push(first);
    const early = first.read();
    const product = tidy(() => doubled.transpose().matmul(doubled).square().max().add(0));
    held.push(product);
    const [sums, most] = await Promise.all([early, product.read()]);
    const exact = values.map((value) => 2 * value + 1);
    for (let row = 0; row < rows; row++) {
      const sum = exact.subarray(row * columns, (row + 1) * columns).reduce((a, b) => a + b, 0);
      if (sums[row] !== sum) throw wrong(backend, `the sum of row ${row}`, sums[row]!, sum);
    }
    const largest = largestSquare(exact, columns);
    if (most[0] !== largest) throw wrong(backend, "the largest square of products", most[0]!, largest);
    return 2;
  } finally {
    for (const tensor of held) tensor.dispose();
  }
}

const wrong = (backend: Backend, what: string, value: number, expected: number) =>
  new ConformanceError(`${backend.name}: ${what} is ${value}, expected ${expected}`);

/** The largest squared entry of xᵀ·x, whose entries are small integers: correctly rounded squares in f32. */
function largestSquare(x: Float32Array, columns: number): number {
  let largest = 0;
  for (let i = 0; i < columns; i++) {
    for (let j = i; j < columns; j++) {
      let sum = 0;
      for (let k = 0; k < x.length; k += columns) sum += x[k + i]! * x[k + j]!;
      largest = Math.max(largest, Math.fround(sum * sum));
    }
  }
  return largest;
}
