import { OptionError } from "./errors.js";
import { type CreationOptions, fromArray } from "./ops/creation.js";
import { type Shape, sizeOf } from "./shape.js";
import type { Tensor } from "./tensor.js";

/** High and low 32 bits of the product of two 32-bit integers. */
function mulhilo(a: number, b: number): [number, number] {
  const ah = a >>> 16;
  const al = a & 0xffff;
  const bh = b >>> 16;
  const bl = b & 0xffff;
  const mid = ah * bl + ((al * bl) >>> 16);
  const mid2 = al * bh + (mid & 0xffff);
  const high = ah * bh + Math.floor(mid / 65536) + Math.floor(mid2 / 65536);
  return [high >>> 0, Math.imul(a, b) >>> 0];
}

/** Philox 4×32-10 (Salmon et al., SC 2011): four 32-bit words from a 128-bit counter and a 64-bit key. */
export function philox(counter: readonly [number, number, number, number], key: readonly [number, number]) {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const [h0, l0] = mulhilo(0xd2511f53, c0);
    const [h1, l1] = mulhilo(0xcd9e8d57, c2);
    [c0, c1, c2, c3] = [(h1 ^ c1 ^ k0) >>> 0, l1, (h0 ^ c3 ^ k1) >>> 0, l0];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3] as const;
}

/**
 * A seeded counter-based generator: what it returns depends on seed, stream and the number of draws so far, on no
 * backend and no platform.
 */
export class Random {
  readonly #key: [number, number];
  readonly #stream: number;
  #block = 0;
  #words: readonly number[] = [];
  #next = 0;

  /** @param seed integer in 0…2⁵³ − 1; @param stream independent sequences of one seed. */
  constructor(seed: number, stream = 0) {
    if (!Number.isSafeInteger(seed) || seed < 0) throw new OptionError(`seed ${seed} is not an integer ≥ 0`);
    this.#key = [seed >>> 0, Math.floor(seed / 2 ** 32)];
    this.#stream = stream;
  }

  /** 32 random bits. */
  bits(): number {
    if (this.#next === this.#words.length) {
      const high = Math.floor(this.#block / 2 ** 32);
      this.#words = philox([this.#block >>> 0, high, this.#stream, 0], this.#key);
      this.#block++;
      this.#next = 0;
    }
    return this.#words[this.#next++]!;
  }

  /** Uniform in [0, 1), a multiple of 2⁻⁵³. */
  next(): number {
    const high = this.bits() >>> 5;
    return (high * 67108864 + (this.bits() >>> 6)) / 2 ** 53;
  }

  /** Uniform integer in 0…bound − 1, without bias. */
  integer(bound: number): number {
    if (!Number.isSafeInteger(bound) || bound < 1)
      throw new OptionError(`bound ${bound} is not an integer ≥ 1`);
    const limit = Math.floor(2 ** 53 / bound) * bound;
    for (;;) {
      const value = this.next() * 2 ** 53;
      if (value < limit) return value % bound;
    }
  }

  /** Standard normal (Box–Muller). */
  nextNormal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    return radius * Math.cos(2 * Math.PI * this.next());
  }

  /** A uniformly random order of 0…n − 1 (Fisher–Yates). */
  permutation(n: number): Int32Array {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }

  uniform(shape: Shape, options: CreationOptions & { low?: number; high?: number } = {}): Tensor {
    const { low = 0, high = 1 } = options;
    const values = Float64Array.from({ length: sizeOf(shape) }, () => low + (high - low) * this.next());
    return fromArray(values, shape, options);
  }

  normal(shape: Shape, options: CreationOptions & { mean?: number; deviation?: number } = {}): Tensor {
    const { mean = 0, deviation = 1 } = options;
    const values = Float64Array.from({ length: sizeOf(shape) }, () => mean + deviation * this.nextNormal());
    return fromArray(values, shape, options);
  }
}
