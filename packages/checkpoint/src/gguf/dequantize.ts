import { decodeWeights } from "../weight-codec.js";
import { type BlockDecoder, blockSizes, type GgufType, isPlainType } from "./block-types.js";
import { q4K, q5K, q6K } from "./dequantize-k.js";
import { half } from "./half.js";

const round = Math.fround;

/** Scale f16, then 32 nibbles: the low ones are values 0–15, the high ones 16–31. */
const q4_0: BlockDecoder = (bytes, at, out, to) => {
  const scale = half(bytes, at);
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 2 + i]!;
    out[to + i] = scale * ((pair & 15) - 8);
    out[to + 16 + i] = scale * ((pair >> 4) - 8);
  }
};

/** As `q4_0`, with a minimum f16 after the scale. */
const q4_1: BlockDecoder = (bytes, at, out, to) => {
  const scale = half(bytes, at);
  const least = half(bytes, at + 2);
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 4 + i]!;
    out[to + i] = round(scale * (pair & 15)) + least;
    out[to + 16 + i] = round(scale * (pair >> 4)) + least;
  }
};

/** Scale f16, 32 fifth bits, then nibbles as in `q4_0`. */
const q5_0: BlockDecoder = (bytes, at, out, to) => {
  const scale = half(bytes, at);
  const high = word(bytes, at + 2);
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 6 + i]!;
    out[to + i] = scale * (((pair & 15) | (((high >>> i) & 1) << 4)) - 16);
    out[to + 16 + i] = scale * (((pair >> 4) | (((high >>> (i + 16)) & 1) << 4)) - 16);
  }
};

/** As `q5_0`, with a minimum f16 after the scale. */
const q5_1: BlockDecoder = (bytes, at, out, to) => {
  const scale = half(bytes, at);
  const least = half(bytes, at + 2);
  const high = word(bytes, at + 4);
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 8 + i]!;
    out[to + i] = round(scale * ((pair & 15) | (((high >>> i) & 1) << 4))) + least;
    out[to + 16 + i] = round(scale * ((pair >> 4) | (((high >>> (i + 16)) & 1) << 4))) + least;
  }
};

/** Scale f16, then 32 signed bytes. */
const q8_0: BlockDecoder = (bytes, at, out, to) => {
  const scale = half(bytes, at);
  for (let i = 0; i < 32; i++) out[to + i] = scale * ((bytes[at + 2 + i]! << 24) >> 24);
};

const decoders: Readonly<Record<Exclude<GgufType, "f32" | "f16" | "bf16">, BlockDecoder>> = {
  ...{ q4_0, q4_1, q5_0, q5_1, q8_0 },
  ...{ q4_k: q4K, q5_k: q5K, q6_k: q6K },
};

/** The values of whole blocks; `bytes` must own its buffer's alignment (offset 0). */
export function dequantize(type: GgufType, bytes: Uint8Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  if (isPlainType(type)) return decodeWeights(type, bytes);
  const size = blockSizes[type];
  const decode = decoders[type];
  const blocks = bytes.length / size.bytes;
  const out = new Float32Array(blocks * size.values);
  for (let i = 0; i < blocks; i++) decode(bytes, i * size.bytes, out, i * size.values);
  return out;
}

const word = (bytes: Uint8Array, at: number): number =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
