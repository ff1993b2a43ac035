/** One thing to do, as plain data: it travels to workers and processes. */
export interface Work {
  /** Such as `gemm-512`. */
  readonly name: string;
  readonly kind: WorkKind;
  /** Sizes, by `kind`; see `works/`. */
  readonly sizes: readonly number[];
  /** Floating-point operations of the matrix products, for rates; 0 where a rate says nothing. */
  readonly flops: number;
  /** Bytes of what is read and written at least, for rates of what memory bounds; 0 where a rate says nothing. */
  readonly bytes: number;
}

export const workKinds = [
  "gemm",
  "linear",
  "linear24",
  "exp",
  "log",
  "add",
  "softmax",
  "rmsNorm",
  "sum",
  "rowMax",
  "attention",
  "cholesky",
  "qr",
  "symmetricEigen",
  "triangularInverse",
  "rotationStep",
  "decoderBlock",
  "learning",
  "learningSteps",
] as const;
export type WorkKind = (typeof workKinds)[number];

/** A dense f32 array in row-major order. */
export interface Dense {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** A work made ready: buffers allocated, inputs where the contender computes. */
export interface Prepared {
  /** Does the work once. It has begun when this returns or resolves; when {@link finish} resolves it is done. */
  run(): unknown;
  /** Waits for the last run by reading one element of its result; where libraries wait in `run`, there is nothing left. */
  finish(): Promise<unknown>;
  /** The results of the last run. */
  results(): Promise<Dense[]>;
  /** Frees inputs and results. */
  dispose(): void;
}

export type Description = Readonly<Record<string, string | number | boolean>>;

/** A library or backend that takes part. */
export interface Contender {
  /** Such as `webgpu` or `tfjs-wasm`. */
  readonly name: string;
  /** The npm package that is measured, and its version; empty for what has none. */
  readonly package: string;
  readonly version: string;
  /** Kernel variant, adapter, threads: what it says of itself. */
  describe(): Description;
  /** Makes a library's global state point here; before anything else of it is called, not timed. */
  activate?(): Promise<void>;
  /** Throws {@link Unsupported} for what the library lacks. */
  prepare(work: Work, inputs: readonly Dense[]): Promise<Prepared> | Prepared;
  dispose(): Promise<void>;
}

/** A contender by name, opened when it is needed. */
export interface ContenderSource {
  readonly name: string;
  /** Rejects, best with {@link Unsupported}, where library, engine or adapter are not there. */
  open(): Promise<Contender>;
}

/** A contender cannot take part; the message is the reason that the report gives. */
export class Unsupported extends Error {
  override readonly name = "Unsupported";
}

/** What the protocol has to know of a kind of work. */
export interface WorkCheck {
  /** The same inputs for everybody. */
  inputs(work: Work): Dense[] | Promise<Dense[]>;
  /** Error of results against f64. NaN for results of other shapes than are due. */
  error(work: Work, inputs: readonly Dense[], results: readonly Dense[]): number | Promise<number>;
  /** Largest error a contender may have. */
  readonly tolerance: number;
  /** Further figures that the results hold. */
  details?(results: readonly Dense[]): Readonly<Record<string, number>>;
}
