import {
  type Backend,
  BackendError,
  type Capabilities,
  type DeviceBuffer,
  type FusedKernels,
  OptionError,
  type RequiredKernels,
  type Sparse24Kernels,
} from "@denoise-rotator/core";
import type { Block } from "./engine/arena.js";
import { createEngine, type Engine, type EngineOptions } from "./engine/engine.js";
import { chooseTurbo, supportsSimd } from "./engine/features.js";
import { maximumArenaBytes } from "./engine/layout.js";
import { attention } from "./kernels/attention.js";
import { copyOperand, fillOperand } from "./kernels/copy.js";
import { binary, select, unary } from "./kernels/elementwise.js";
import { crossEntropy, rmsNorm, rope, rowEntropy, softmax, swiglu } from "./kernels/fused.js";
import { qrPanel } from "./kernels/householder.js";
import { groupEntropy, prunedEnergy } from "./kernels/importance.js";
import { gather, scatterAdd } from "./kernels/indexing.js";
import { matmul } from "./kernels/matmul.js";
import { choleskyPanel } from "./kernels/panels.js";
import { reduce } from "./kernels/reduce.js";
import { argsort, smallest } from "./kernels/sort.js";
import { sparse24Matmul, sparse24Unpack } from "./kernels/sparse24.js";
import { arrangeRows } from "./kernels/sparse24-arrange.js";
import { syrk } from "./kernels/syrk.js";
import { triangularSolve } from "./kernels/triangular-solve.js";
import { tridiagonalPanel } from "./kernels/tridiagonal.js";
import { agreesWithPlain } from "./kernels/turbo-check.js";
import { defaultThreads, maximumThreads, supportsThreads } from "./threads/support.js";

export interface WasmOptions {
  /** Most bytes tensors may take at once; default: all that wasm32 can address, just under 4 GiB. */
  readonly maxMemoryBytes?: number;
  /**
   * Threads that compute, the caller's included, 1 to 64. Default: what the machine has, at most 8. Results do not depend
   * on it. Where memory cannot be shared or waited on (a page that is not cross-origin isolated, a page's main thread)
   * there is 1.
   */
  readonly threads?: number;
  /**
   * Experimental: matrix products in 256-bit operations by V8's revectoriser (Node 22 or newer on x64). They are checked
   * against the plain kernels first; where they are missing or differ, the plain ones run and `onNotice` hears of it. The
   * V8 flag it takes stays on in the process. Default false.
   */
  readonly turbo?: boolean;
  /** Hears, once, that an option could not be honoured; default: a warning of the process or on the console. */
  readonly onNotice?: (notice: string) => void;
}

/** A backend that can be released with `await using`. */
export type WasmBackend = Backend & AsyncDisposable & Required<Pick<Backend, "readSync">>;

/**
 * WebAssembly SIMD kernels, emitted and compiled here for the engine at hand. Threads other than the caller's start with
 * the first large operation and end with `dispose`; they do not keep a process alive.
 * Throws {@link OptionError} for a memory limit or number of threads out of range and {@link BackendError} without
 * WebAssembly SIMD.
 */
export async function wasm(options: WasmOptions = {}): Promise<WasmBackend> {
  const limit = options.maxMemoryBytes ?? 2 ** 32;
  if (!Number.isInteger(limit) || limit < 1 || limit > 2 ** 32) {
    throw new OptionError(`maxMemoryBytes is ${limit}; give a whole number from 1 to 2^32 bytes`);
  }
  const wanted = options.threads ?? defaultThreads();
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > maximumThreads) {
    throw new OptionError(`threads is ${wanted}; give a whole number from 1 to ${maximumThreads}`);
  }
  if (!supportsSimd()) {
    throw new BackendError("this engine has no WebAssembly SIMD; use the cpu backend or a newer engine");
  }
  const threads = supportsThreads() ? wanted : 1;
  const engine = { limit: Math.min(limit, maximumArenaBytes(threads)), threads };
  return new Wasm(
    options.turbo ? await turboEngine(engine, options.onNotice ?? warn) : await createEngine(engine),
  );
}

/** An engine with turbo kernels that agree with the plain ones, else a plain one and a notice. */
async function turboEngine(options: EngineOptions, notice: (text: string) => void): Promise<Engine> {
  const choice = chooseTurbo(options.threads);
  if ("missing" in choice) {
    notice(`turbo: ${choice.missing}; the plain kernels run`);
    return createEngine(options);
  }
  const engine = await createEngine({ ...options, turbo: choice.tile });
  const plain = engine.plain!;
  if (agreesWithPlain(engine, plain)) return engine;
  notice("turbo: this engine's revectorised kernels differ from the plain ones, which run instead");
  return plain;
}

function warn(notice: string): void {
  const { process } = globalThis as { process?: { emitWarning?(text: string, name: string): void } };
  if (process?.emitWarning) process.emitWarning(notice, "DenoiseRotatorWarning");
  else console.warn(notice);
}

/** Tensors of so many bytes are worth moving others together for, before memory grows. */
const movingBytes = 2 ** 26;

class Wasm implements WasmBackend {
  readonly name = "wasm";
  readonly capabilities: Capabilities;
  readonly kernels: RequiredKernels & FusedKernels & Sparse24Kernels;
  readonly arrangeSparse24 = arrangeRows;
  #engine: Engine | undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.kernels = bindKernels(() => this.#live());
    const { tile } = engine.features;
    const threads = engine.pool?.threads ?? 1;
    this.capabilities = {
      dtypes: ["f32", "i32", "bool", "f16", "bf16"],
      hostKernels: ["argsort", "gather"],
      maxBufferBytes: maximumArenaBytes(threads),
      maxBytes: engine.arena.limit,
      halfFactors: true,
      allocatedBytes: () => this.#engine?.arena.allocated ?? 0,
      peakBytes: () => this.#engine?.arena.peak ?? 0,
      resetPeakBytes: () => this.#engine?.arena.resetPeak(),
      description: {
        variant: tile.fma ? "fma" : "mul+add",
        tile: `${tile.rows}x${tile.columns}`,
        threads,
        turbo: engine.plain !== undefined,
      },
    };
  }

  allocate(byteLength: number): DeviceBuffer {
    const { arena, memory } = this.#live();
    // Here no kernel runs, so that nobody holds an address.
    if (byteLength >= movingBytes && arena.isScattered(byteLength)) {
      arena.compact((to, from, size) => void memory.u8.copyWithin(to, from, from + size));
    }
    return arena.allocate(byteLength);
  }

  free(buffer: DeviceBuffer): void {
    this.#engine?.arena.free(buffer as Block);
  }

  write(buffer: DeviceBuffer, byteOffset: number, bytes: Uint8Array): void {
    this.#live().memory.u8.set(bytes, (buffer as Block).address + byteOffset);
  }

  readSync(buffer: DeviceBuffer, byteOffset: number, byteLength: number): Uint8Array {
    const start = (buffer as Block).address + byteOffset;
    return this.#live().memory.u8.slice(start, start + byteLength);
  }

  async read(buffer: DeviceBuffer, byteOffset: number, byteLength: number): Promise<Uint8Array> {
    return this.readSync(buffer, byteOffset, byteLength);
  }

  /** Kernels run as they are called; there is nothing to start. */
  flush(): void {}

  async dispose(): Promise<void> {
    const pool = this.#engine?.pool;
    this.#engine = undefined;
    await pool?.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  #live(): Engine {
    if (!this.#engine) throw new BackendError("the wasm backend was disposed; create a new one");
    return this.#engine;
  }
}

function bindKernels(engine: () => Engine): RequiredKernels & FusedKernels & Sparse24Kernels {
  return {
    fill: (out, value) => fillOperand(engine(), out, value),
    copy: (x, out) => copyOperand(engine(), x, out),
    unary: (op, x, out) => unary(engine(), op, x, out),
    binary: (op, a, b, out) => binary(engine(), op, a, b, out),
    select: (condition, a, b, out) => select(engine(), condition, a, b, out),
    reduce: (op, x, axes, out) => reduce(engine(), op, x, axes, out),
    matmul: (a, b, out, options) => matmul(engine(), a, b, out, options),
    gather: (x, indices, axis, out) => gather(engine(), x, indices, axis, out),
    scatterAdd: (x, indices, axis, out) => scatterAdd(engine(), x, indices, axis, out),
    argsort: (x, out, options) => argsort(engine(), x, out, options),
    smallest: (x, out, options) => smallest(engine(), x, out, options),
    triangularSolve: (a, b, options) => triangularSolve(engine(), a, b, options),
    choleskyPanel: (a, info, { pivotBase }) => choleskyPanel(engine(), a, info, pivotBase),
    qrPanel: (a, tau) => qrPanel(engine(), a, tau),
    softmax: (x, out) => softmax(engine(), x, out),
    crossEntropy: (logits, targets, out) => crossEntropy(engine(), logits, targets, out),
    rmsNorm: (x, gain, out, options) => rmsNorm(engine(), x, gain, out, options),
    rope: (x, cos, sin, out) => rope(engine(), x, cos, sin, out),
    attention: (q, k, v, out, options) => attention(engine(), q, k, v, out, options),
    swiglu: (gate, up, out) => swiglu(engine(), gate, up, out),
    rowEntropy: (x, out) => rowEntropy(engine(), x, out),
    prunedEnergy: (y, h, out, energy, options) => prunedEnergy(engine(), y, h, out, energy, options),
    groupEntropy: (y, h, out, energy, entropies, options) =>
      groupEntropy(engine(), y, h, out, energy, entropies, options),
    sparse24Matmul: (x, words, out, form) => sparse24Matmul(engine(), x, words, out, form),
    sparse24Unpack: (words, out, form) => sparse24Unpack(engine(), words, out, form),
    syrk: (x, out, options) => syrk(engine(), x, out, options),
    tridiagonalPanel: (a, v, w, factors) => tridiagonalPanel(engine(), a, v, w, factors),
  };
}
