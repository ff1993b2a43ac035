/**
 * Codecs of the 16-bit floating-point storage formats, both round-to-nearest-even.
 * NaN stays NaN (quiet), infinities, subnormals and signed zeros are kept.
 */
const scratch = new Float32Array(1);
const bits = new Uint32Array(scratch.buffer);

/** Bits of the bfloat16 nearest to `value`. */
export function toBFloat16(value: number): number {
  scratch[0] = value;
  const u = bits[0]!;
  if ((u & 0x7fffffff) > 0x7f800000) return (u >>> 16) | 0x40;
  return ((u + 0x7fff + ((u >>> 16) & 1)) >>> 16) & 0xffff;
}

export function fromBFloat16(half: number): number {
  bits[0] = half << 16;
  return scratch[0]!;
}

/** Bits of the IEEE binary16 nearest to `value` (first rounded to f32, as the storage path does). */
export function toFloat16(value: number): number {
  scratch[0] = value;
  const u = bits[0]!;
  const sign = (u >>> 16) & 0x8000;
  const magnitude = u & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    const rebased = magnitude - 0x38000000;
    return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
  }
  // Subnormal: adding 0.5 aligns the mantissa so that f32 arithmetic does the rounding.
  bits[0] = magnitude;
  scratch[0] = scratch[0]! + 0.5;
  return sign | (bits[0]! - 0x3f000000);
}

export function fromFloat16(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  if (exponent === 0x1f) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  return sign * (1024 + mantissa) * 2 ** (exponent - 25);
}

function encodeArray(codec: (value: number) => number, source: ArrayLike<number>): Uint16Array {
  const out = new Uint16Array(source.length);
  for (let i = 0; i < out.length; i++) out[i] = codec(source[i]!);
  return out;
}

const float16Table = /* @__PURE__ */ (() => {
  let table: Float32Array | undefined;
  return (): Float32Array => {
    table ??= Float32Array.from({ length: 65536 }, (_, half) => fromFloat16(half));
    return table;
  };
})();

export const encodeBFloat16 = (source: ArrayLike<number>): Uint16Array => encodeArray(toBFloat16, source);
export const encodeFloat16 = (source: ArrayLike<number>): Uint16Array => encodeArray(toFloat16, source);

export function decodeBFloat16(source: Uint16Array): Float32Array {
  const out = new Float32Array(source.length);
  const words = new Uint32Array(out.buffer);
  for (let i = 0; i < words.length; i++) words[i] = source[i]! << 16;
  return out;
}

export function decodeFloat16(source: Uint16Array): Float32Array {
  const table = float16Table();
  const out = new Float32Array(source.length);
  for (let i = 0; i < out.length; i++) out[i] = table[source[i]!]!;
  return out;
}
