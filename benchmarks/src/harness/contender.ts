/** One thing to do, as plain data: it travels to the contenders' processes. */
export interface Work {
  /** Such as `gemm-512`. */
  readonly name: string;
  readonly kind: WorkKind;
  /** Sizes, by `kind`; see `works/`. */
  readonly sizes: readonly number[];
  /** Floating-point operations of the matrix products, for rates; 0 where a rate says nothing. */
  readonly flops: number;
}

export const workKinds = [
  "gemm",
  "exp",
  "log",
  "softmax",
  "add",
  "rmsNorm",
  "attention",
  "cholesky",
  "qr",
  "symmetricEigen",
  "triangularInverse",
  "learning",
  "learningSteps",
] as const;
export type WorkKind = (typeof workKinds)[number];

/** A dense f32 array in row-major order. */
export interface Dense {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** A work made ready: buffers allocated, inputs filled. */
export interface Prepared {
  /** Does the work once; the result is complete when it returns or resolves. */
  run(): unknown;
  /** The results of the last run. */
  results(): Promise<Dense[]> | Dense[];
}

/** A library or method that takes part, in its own process. */
export interface Contender {
  /** Name → version of what is measured. */
  readonly versions: Readonly<Record<string, string>>;
  /** Throws {@link Unsupported} for what the library lacks. */
  prepare(work: Work, inputs: readonly Dense[]): Promise<Prepared> | Prepared;
}

/** Makes a contender, or throws {@link Unsupported} where library or engine are not there. */
export type CreateContender = (threads: number) => Promise<Contender>;

/** A contender cannot take part; the message is the reason that the report gives. */
export class Unsupported extends Error {
  override readonly name = "Unsupported";
}
