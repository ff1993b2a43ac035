/** One thing to do, as plain data: it travels to the contenders' processes. */
export interface Work {
  /** Such as `gemm-512`. */
  readonly name: string;
  readonly kind: "gemm";
  /** Sizes, by `kind`: gemm m, n, k. */
  readonly sizes: readonly number[];
  /** Floating-point operations, for rates. */
  readonly flops: number;
}

/** A work made ready: buffers allocated, inputs filled. */
export interface Prepared {
  /** Does the work once and waits for the result. */
  run(): void | Promise<void>;
  /** A few numbers of the result, by which contenders are checked against each other. */
  sample(): readonly number[] | Promise<readonly number[]>;
}

/** A library or method that takes part. */
export interface Contender {
  readonly name: string;
  readonly threads: number;
  /** Name → version of what is measured. */
  readonly versions: Readonly<Record<string, string>>;
  prepare(work: Work): Promise<Prepared>;
}

/** The same inputs for everybody: numbers in [−0.5, 0.5) from a seed. */
export function inputs(length: number, seed: number): Float32Array {
  const values = new Float32Array(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = state / 2 ** 32 - 0.5;
  }
  return values;
}

/** Elements of an m × n result that are compared. */
export const samplePositions = (m: number, n: number): number[] => [
  0,
  n - 1,
  Math.floor(m / 2) * n + Math.floor(n / 3),
  m * n - 1,
];
