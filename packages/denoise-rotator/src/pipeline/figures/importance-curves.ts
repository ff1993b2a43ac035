/** The shares of weights, most important first, for which records say how much of the importance they hold. */
export const heldShares = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9,
] as const;

/** The shares of weights at which sorted importances are given: evenly spaced from 0 to 1. */
export const sortedShares: readonly number[] = Array.from({ length: 65 }, (_, i) => i / 64);

/** A curve without rotation and with it. */
export interface HeldImportance {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** 8 bits of exponent and 5 of mantissa: buckets are 3 % wide. */
const shift = 18;
const buckets = 2 ** (31 - shift);

/** Importances of one layer, sorted to within 3 % in one pass over them. */
export class ImportanceCurves {
  readonly #counts = new Float64Array(buckets);
  readonly #sums = new Float64Array(buckets);
  readonly #count: number;
  readonly #total: number;

  /** `values` ≥ 0, in any order. */
  constructor(values: ArrayLike<number>) {
    const floats = values instanceof Float32Array ? values : Float32Array.from(values);
    const bits = new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
    for (let i = 0; i < floats.length; i++) {
      const bucket = bits[i]! >>> shift;
      this.#counts[bucket]! += 1;
      this.#sums[bucket]! += floats[i]!;
    }
    this.#count = floats.length;
    this.#total = this.#sums.reduce((sum, part) => sum + part, 0);
  }

  get mean(): number {
    return this.#total / this.#count;
  }

  /** The part of all importance that each share of the weights holds, the most important ones first. */
  held(shares: readonly number[]): number[] {
    return shares.map((share) => {
      const { above, bucket, rest } = this.#at(share);
      const mean = this.#counts[bucket]! > 0 ? this.#sums[bucket]! / this.#counts[bucket]! : 0;
      return this.#total > 0 ? rounded((above + rest * mean) / this.#total) : 0;
    });
  }

  /** The importance, relative to `mean`, of the weight at each share of the way from the most important one to the least. */
  sorted(shares: readonly number[], mean: number): number[] {
    return shares.map((share) => {
      const { bucket } = this.#at(share);
      return mean > 0 ? rounded(this.#sums[bucket]! / this.#counts[bucket]! / mean) : 0;
    });
  }

  /** The bucket with the weight at `share`, the importance above it, and how many of its weights come before that one. */
  #at(share: number): { above: number; bucket: number; rest: number } {
    let [left, above, last] = [share * this.#count, 0, 0];
    for (let bucket = buckets - 1; bucket >= 0; bucket--) {
      const count = this.#counts[bucket]!;
      if (count === 0) continue;
      if (left <= count) return { above, bucket, rest: left };
      left -= count;
      above += this.#sums[bucket]!;
      last = bucket;
    }
    return { above, bucket: last, rest: 0 };
  }
}

/** To 4 digits, which is what curves need. */
export const rounded = (value: number): number => Number(value.toPrecision(4));
