import type { Operand } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";
import { addressOf } from "./scratch.js";

/**
 * Writes unsigned integers that are ordered as the elements are: NaN largest, −0 equal to 0. Descending order inverts
 * them. `x` is contiguous; elements `first …` are taken.
 */
export function writeSortKeys(
  engine: Engine,
  x: Operand,
  first: number,
  keys: Uint32Array,
  descending: boolean,
): void {
  const flip = descending ? 0xffffffff : 0;
  const { u8, u32 } = engine.memory;
  if (x.dtype === "bool") {
    const start = addressOf(x) + first;
    for (let i = 0; i < keys.length; i++) keys[i] = Number(u8[start + i] !== 0) ^ flip;
    return;
  }
  const start = (addressOf(x) >>> 2) + first;
  if (x.dtype === "i32") {
    for (let i = 0; i < keys.length; i++) keys[i] = u32[start + i]! ^ 0x80000000 ^ flip;
    return;
  }
  for (let i = 0; i < keys.length; i++) {
    let bits = u32[start + i]!;
    if ((bits & 0x7fffffff) > 0x7f800000) bits = 0x7fffffff;
    else if (bits === 0x80000000) bits = 0;
    keys[i] = (bits & 0x80000000 ? ~bits : bits | 0x80000000) ^ flip;
  }
}

const radixBits = 11;
const radix = 1 << radixBits;

/** Reusable memory for sorting rows of one length. */
export class RadixSorter {
  readonly #keys: Uint32Array;
  readonly #otherKeys: Uint32Array;
  readonly #other: Int32Array;
  readonly #counts = new Int32Array(radix);

  constructor(size: number) {
    this.#keys = new Uint32Array(size);
    this.#otherKeys = new Uint32Array(size);
    this.#other = new Int32Array(size);
  }

  /** Row to be filled with keys before {@link sort}. */
  get keys(): Uint32Array {
    return this.#keys;
  }

  /** Stable positions of the keys in rising order, into `positions`; the keys are used up. */
  sort(positions: Int32Array): void {
    for (let i = 0; i < positions.length; i++) positions[i] = i;
    if (positions.length <= 64) this.#insertionSort(positions);
    else this.#radixSort(positions);
  }

  #insertionSort(positions: Int32Array): void {
    const keys = this.#keys;
    for (let i = 1; i < positions.length; i++) {
      const key = keys[i]!;
      let j = i - 1;
      for (; j >= 0 && keys[positions[j]!]! > key; j--) positions[j + 1] = positions[j]!;
      positions[j + 1] = i;
    }
  }

  #radixSort(positions: Int32Array): void {
    let [keys, otherKeys] = [this.#keys, this.#otherKeys];
    let from = positions;
    let to = this.#other;
    const counts = this.#counts;
    for (let shift = 0; shift < 32; shift += radixBits) {
      counts.fill(0);
      for (const key of keys) counts[(key >>> shift) & (radix - 1)]!++;
      for (let digit = 0, sum = 0; digit < radix; digit++) {
        const count = counts[digit]!;
        counts[digit] = sum;
        sum += count;
      }
      for (let i = 0; i < keys.length; i++) {
        const key = keys[i]!;
        const place = counts[(key >>> shift) & (radix - 1)]!++;
        otherKeys[place] = key;
        to[place] = from[i]!;
      }
      [keys, otherKeys] = [otherKeys, keys];
      [from, to] = [to, from];
    }
    // Three passes end in the other array.
    positions.set(from);
  }
}
