import type { BlockDecoder } from "./block-types.js";
import { half } from "./half.js";

const round = Math.fround;

/** Where the eight scales and minima of six bits each lie among twelve bytes. */
const scaleOf = (bytes: Uint8Array, at: number, j: number): number =>
  j < 4 ? bytes[at + j]! & 63 : (bytes[at + j + 4]! & 15) | ((bytes[at + j - 4]! >> 2) & 48);
const minimumOf = (bytes: Uint8Array, at: number, j: number): number =>
  j < 4 ? bytes[at + j + 4]! & 63 : (bytes[at + j + 4]! >> 4) | ((bytes[at + j]! >> 2) & 48);

/** Scale and minimum f16, eight pairs of them in six bits, then nibbles: 64 values take 32 bytes, low nibbles first. */
export const q4K: BlockDecoder = (bytes, at, out, to) => {
  const scale = half(bytes, at);
  const least = half(bytes, at + 2);
  for (let j = 0; j < 8; j++) {
    const d = round(scale * scaleOf(bytes, at + 4, j));
    const m = round(least * minimumOf(bytes, at + 4, j));
    const nibbles = at + 16 + 32 * (j >> 1);
    const shift = 4 * (j & 1);
    for (let i = 0; i < 32; i++) {
      out[to + 32 * j + i] = round(d * ((bytes[nibbles + i]! >> shift) & 15)) - m;
    }
  }
};

/** As `q4K`; bit j of 32 bytes before the nibbles is the fifth bit of the values of part j. */
export const q5K: BlockDecoder = (bytes, at, out, to) => {
  const scale = half(bytes, at);
  const least = half(bytes, at + 2);
  for (let j = 0; j < 8; j++) {
    const d = round(scale * scaleOf(bytes, at + 4, j));
    const m = round(least * minimumOf(bytes, at + 4, j));
    const nibbles = at + 48 + 32 * (j >> 1);
    const shift = 4 * (j & 1);
    for (let i = 0; i < 32; i++) {
      const high = ((bytes[at + 16 + i]! >> j) & 1) << 4;
      out[to + 32 * j + i] = round(d * (((bytes[nibbles + i]! >> shift) & 15) | high)) - m;
    }
  }
};

/** 128 bytes of nibbles, 64 of upper bit pairs, sixteen scales in signed bytes, one f16. Sixteen values share a scale. */
export const q6K: BlockDecoder = (bytes, at, out, to) => {
  const scale = half(bytes, at + 208);
  for (let j = 0; j < 8; j++) {
    // Parts 0–3 read the first halves of nibbles and bit pairs, parts 4–7 the second.
    const nibbles = at + 64 * (j >> 2) + 32 * (j & 1);
    const pairs = at + 128 + 32 * (j >> 2);
    const nibbleShift = 4 * ((j >> 1) & 1);
    const pairShift = 2 * (j & 3);
    for (let group = 0; group < 2; group++) {
      const d = round(scale * ((bytes[at + 192 + 2 * j + group]! << 24) >> 24));
      for (let i = 16 * group; i < 16 * group + 16; i++) {
        const low = (bytes[nibbles + i]! >> nibbleShift) & 15;
        out[to + 32 * j + i] = d * ((low | (((bytes[pairs + i]! >> pairShift) & 3) << 4)) - 32);
      }
    }
  }
};
