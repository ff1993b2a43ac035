import type { DType } from "./dtype.js";
import type { Sparse24DType, Sparse24Parts } from "./sparse24/parts.js";

/**
 * The contract between the tensor core and a backend.
 *
 * Kernels are enqueued synchronously and run in order; shapes are known beforehand, so only reading values awaits.
 * Core has already checked shapes, dtypes and broadcasting: a kernel may trust its operands. Gradients, reference
 * counts and views live in core; a backend sees buffers and operands only.
 */
export interface Backend {
  /** Short name for messages and options, such as `cpu` or `wasm`. */
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly kernels: Kernels;
  /** A buffer of at least `byteLength` bytes (0 is allowed), aligned to 16 bytes, contents unspecified. */
  allocate(byteLength: number): DeviceBuffer;
  free(buffer: DeviceBuffer): void;
  write(buffer: DeviceBuffer, byteOffset: number, bytes: Uint8Array): void;
  /** A copy of the bytes, after everything enqueued before has run; rejects with what went wrong there. */
  read(buffer: DeviceBuffer, byteOffset: number, byteLength: number): Promise<Uint8Array>;
  /** As `read`, where the device can be waited for. */
  readSync?(buffer: DeviceBuffer, byteOffset: number, byteLength: number): Uint8Array;
  /**
   * 2:4-sparse weights as the kernels `sparse24Matmul` and `sparse24Unpack` want them, computed on the host; `parts` are
   * valid. Comes with both kernels, or not at all: core then unpacks stretches of rows and multiplies them.
   */
  arrangeSparse24?(parts: Sparse24Parts): Sparse24Words;
  /** Starts what is enqueued without waiting. */
  flush(): void;
  /** Releases the device; using the backend afterwards throws. */
  dispose(): Promise<void>;
}

/** Opaque to core. */
export type DeviceBuffer = object;

/** 2:4-sparse weights in an arrangement of the backend's. */
export interface Sparse24Words {
  readonly words: Int32Array;
  /** Tells apart what a backend has several of. */
  readonly arrangement: string;
  /** Consecutive rows that share a code, where kernels ask. Default 1. */
  readonly rowsPerCode?: number;
}

/** What words of weights are, besides bits. */
export interface Sparse24Form {
  readonly shape: readonly [out: number, inputs: number];
  /** Of the kept weights. */
  readonly dtype: Sparse24DType;
  /** As `arrangeSparse24` gave them. */
  readonly arrangement: string;
  readonly rowsPerCode?: number;
}

export interface Capabilities {
  /** What can be stored; computing needs f32 (f64 where listed), i32 and bool. */
  readonly dtypes: readonly DType[];
  /** Kernels that run on the host although the backend is a device. Shown to users. */
  readonly hostKernels: readonly (keyof Kernels)[];
  readonly maxBufferBytes: number;
  /** Most bytes of all buffers together, where the backend knows. */
  readonly maxBytes?: number;
  /** Whether `matmul` takes f16 and bf16 factors, into f32. Default false: core casts them to f32 before. */
  readonly halfFactors?: boolean;
  /** Bytes now allocated, for leak checks and run records. */
  allocatedBytes(): number;
  /** Most bytes allocated at once since `resetPeakBytes`, scratch memory included; where the backend counts it. */
  peakBytes?(): number;
  /** Starts `peakBytes` anew from what is allocated now. */
  resetPeakBytes?(): void;
  /** What shows up in run records: kernel variant, adapter, thread count. */
  readonly description: Readonly<Record<string, string | number | boolean>>;
}

/**
 * A strided window onto a buffer. Strides (≥ 0) and offset count elements; broadcast axes have stride 0. Bools are bytes
 * of exactly 0 or 1.
 */
export interface Operand {
  readonly buffer: DeviceBuffer;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
}

export const unaryOps = [
  "neg",
  "abs",
  "sign",
  "exp",
  "log",
  "sqrt",
  "rsqrt",
  "reciprocal",
  "square",
  "tanh",
  "sigmoid",
  "sin",
  "cos",
  "floor",
  "ceil",
  "round",
  "isFinite",
  "logicalNot",
] as const;
/** `round` is to nearest even; `sign` keeps NaN and ±0; `isFinite` gives bool; `logicalNot` is bool → bool. */
export type UnaryOp = (typeof unaryOps)[number];

export const binaryOps = ["add", "sub", "mul", "div", "pow", "maximum", "minimum"] as const;
export const compareOps = ["equal", "notEqual", "less", "lessEqual", "greater", "greaterEqual"] as const;
export const logicalOps = ["logicalAnd", "logicalOr"] as const;
/**
 * Arithmetic keeps the dtype (f32, f64, i32 but `pow` and `div`); i32 wraps modulo 2³². `maximum`/`minimum` give NaN if
 * either is NaN, and order −0 below +0. `pow` follows IEEE 754: 1 to any power and (−1)^±∞ are 1.
 */
export type BinaryOp = (typeof binaryOps)[number] | (typeof compareOps)[number] | (typeof logicalOps)[number];

/** `max`/`min` give NaN if any is NaN; of nothing they are ∓∞, `sum` is 0, `any` false, `all` true. */
export type ReduceOp = "sum" | "max" | "min" | "any" | "all";

/**
 * Unless said otherwise inputs may have any strides, `out` is contiguous (from any offset) with the result's shape, and
 * does not overlap an input. Empty operands are allowed everywhere. f16 and bf16 appear in `copy` and,
 * with `capabilities.halfFactors`, as factors of `matmul` only.
 */
export interface RequiredKernels {
  /** Sets every element of `out` (any strides). */
  fill(out: Operand, value: number): void;
  /** Copies with a cast (any strides on both sides). Floats to i32 truncate and saturate, NaN is 0; anything to bool is `≠ 0`. */
  copy(x: Operand, out: Operand): void;
  unary(op: UnaryOp, x: Operand, out: Operand): void;
  /** `a` and `b` have `out`'s shape (broadcast by stride 0) and one dtype; comparisons and logic write bool. */
  binary(op: BinaryOp, a: Operand, b: Operand, out: Operand): void;
  /** `condition ? a : b`, all of `out`'s shape. */
  select(condition: Operand, a: Operand, b: Operand, out: Operand): void;
  /** Reduces `axes` (sorted, non-empty) of `x`; `out` has the remaining axes. */
  reduce(op: ReduceOp, x: Operand, axes: readonly number[], out: Operand): void;
  /**
   * `out = alpha · a·b (+ out)`: a `[…, m, k]`, b `[…, k, n]`, out `[…, m, n]` with equal leading axes (stride 0 where
   * broadcast). f32 (f64 where stored). Transposes come as strides. `out` has unit stride along n and any along m.
   * k = 0 gives zeros. `a` and `b` may be the same buffer.
   */
  matmul(a: Operand, b: Operand, out: Operand, options: MatmulOptions): void;
  /** Slices of `x` along `axis` at i32 `indices`: shape `x[..axis] + indices + x[axis+1..]`. Out of range: NaN, 0, false. */
  gather(x: Operand, indices: Operand, axis: number, out: Operand): void;
  /** Adds slices of `x` (shaped as `gather`'s result) onto contiguous `out` at `indices`, in index order. Out of range: dropped. */
  scatterAdd(x: Operand, indices: Operand, axis: number, out: Operand): void;
  /** i32 positions that sort the last axis; NaN counts as largest; ties by the lower index, descending too. */
  argsort(x: Operand, out: Operand, options: { readonly descending: boolean }): void;
  /**
   * Marks (bool) the `count` smallest of every `group` consecutive elements of the last axis (whose size `group`
   * divides). Ties: the lower index is smaller. NaN counts as largest.
   */
  smallest(x: Operand, out: Operand, options: { readonly group: number; readonly count: number }): void;
  /** `b ← op(a)⁻¹·b` in place: a `[n, n]`, b `[n, k]`, unit column strides. Only the named triangle of `a` is read. */
  triangularSolve(a: Operand, b: Operand, options: TriangularSolveOptions): void;
  /**
   * Unblocked Cholesky in place on `a` `[n, n]` (unit column stride): its lower triangle becomes L, the rest stays.
   * `info` i32 `[1]`: left as it is on success; a pivot ≤ 0 or NaN at j sets it, if it is 0, to `pivotBase + j + 1`
   * and fills column j and later of L with NaN.
   */
  choleskyPanel(a: Operand, info: Operand, options: { readonly pivotBase: number }): void;
  /**
   * Unblocked Householder QR in place on `a` `[m, n]`, m ≥ n (unit column stride): R in the upper triangle, below it
   * reflectors v (v_j = 1 implied); `tau` `[n]`; H_j = I − τ_j·v·vᵀ, Q = H_0·H_1⋯. τ = 0 where the column is already zero below.
   */
  qrPanel(a: Operand, tau: Operand): void;
}

/** Kernels a backend may leave out: core then composes them; the testkit asserts agreement. All f32, last axis unless said. */
export interface FusedKernels {
  softmax(x: Operand, out: Operand): void;
  /** −log softmax(logits)[target] per row: logits `[n, v]`, targets i32 `[n]`, out `[n]`. Target out of range: NaN. */
  crossEntropy(logits: Operand, targets: Operand, out: Operand): void;
  /** x / sqrt(mean(x²) + eps) · gain, gain `[d]`. */
  rmsNorm(x: Operand, gain: Operand, out: Operand, options: { readonly eps: number }): void;
  /** Rotates halves: x `[…, t, d]`, cos and sin `[t, d/2]`. */
  rope(x: Operand, cos: Operand, sin: Operand, out: Operand): void;
  /**
   * softmax(scale·q·kᵀ)·v: q `[b, h, t, d]`, k, v `[b, g, s, d]`, g divides h. Causal: query i sees keys ≤ i + s − t; NaN
   * where it sees none.
   */
  attention(q: Operand, k: Operand, v: Operand, out: Operand, options: AttentionOptions): void;
  /** silu(gate) · up. */
  swiglu(gate: Operand, up: Operand, out: Operand): void;
  /** −Σ p·ln p with p = x / Σx per row of non-negative `x` `[n, d]`; 0·ln 0 = 0; out `[n]`. A row of zeros gives NaN. */
  rowEntropy(x: Operand, out: Operand): void;
  /**
   * What pruning takes of importances S = y²·h, and half its derivatives (see `prunedEnergyInto`): y and out `[n, d]`, h
   * along `inputAxis` or `undefined` for ones; with M the `count` smallest S of every `group` consecutive inputs (ties and
   * NaN as in `smallest`), out = M·y·h and energy `[inputs]` = Σ over the other axis of M·y². `out` may be `y` itself.
   */
  prunedEnergy(
    y: Operand,
    h: Operand | undefined,
    out: Operand,
    energy: Operand,
    options: PrunedEnergyOptions,
  ): void;
  /**
   * Entropies of S = y²·h and half their derivatives (see `groupEntropyInto`): y and out `[n, d]`, groups along `axis`, h
   * along it or `undefined` for ones. entropies: one for each group, 0 for zeros. With slope s = −(ln p + E)/ΣS (p at least
   * 1e-30; 0 in a group of zeros), out (+)= s·y·h and energy (along `axis`) = Σ over groups of s·y². Unless it is
   * accumulated onto, `out` may be `y` itself.
   */
  groupEntropy(
    y: Operand,
    h: Operand | undefined,
    out: Operand,
    energy: Operand,
    entropies: Operand,
    options: GroupEntropyOptions,
  ): void;
  /** `out = alpha·xᵀ·x (+ out)`: x `[n, d]`, out `[d, d]`, both triangles written. */
  syrk(x: Operand, out: Operand, options: MatmulOptions): void;
  /**
   * k steps of Householder's tridiagonalisation (LAPACK `latrd`) of symmetric `a` `[n, n]`, k < n, of which the upper
   * triangle is read; everything has unit column stride and is written whole. Step j takes row j, as the steps before
   * left it, to (…, d_j, e_j, 0, …): `factors` `[3, k]` holds d, e and τ. Row j of `v` `[k, n]` is the reflector
   * H_j = I − τ_j·v·vᵀ, zero up to column j and 1 at j + 1; row j of `w` `[k, n]`, zero up to column j, is such that
   * after k steps the rest of the matrix is a − vᵀ·w − wᵀ·v. τ = 0 where there is nothing to annihilate.
   */
  tridiagonalPanel(a: Operand, v: Operand, w: Operand, factors: Operand): void;
}

/** Both, or neither; with `Backend.arrangeSparse24`. f32. */
export interface Sparse24Kernels {
  /** x·Wᵀ of a 2:4-sparse W `[n, k]`: x `[m, k]`, words as `arrangeSparse24` gave them, contiguous i32; out `[m, n]`. */
  sparse24Matmul(x: Operand, words: Operand, out: Operand, form: Sparse24Form): void;
  /** The W of the words, dense, zeros where nothing is kept: out `[n, k]`. */
  sparse24Unpack(words: Operand, out: Operand, form: Sparse24Form): void;
}

export type Kernels = RequiredKernels & Partial<FusedKernels & Sparse24Kernels>;

export interface MatmulOptions {
  readonly accumulate: boolean;
  readonly alpha: number;
  /**
   * The part of a square `out` that the caller reads; what lies on the other side of the diagonal may be written or not.
   * Default: all of it.
   */
  readonly triangle?: "upper" | "lower";
}

export interface PrunedEnergyOptions {
  readonly inputAxis: 0 | 1;
  readonly group: number;
  readonly count: number;
}

export interface GroupEntropyOptions {
  readonly axis: 0 | 1;
  readonly accumulate: boolean;
}

export interface TriangularSolveOptions {
  readonly lower: boolean;
  readonly transpose: boolean;
  readonly unitDiagonal: boolean;
}

export interface AttentionOptions {
  readonly scale: number;
  readonly causal: boolean;
}
