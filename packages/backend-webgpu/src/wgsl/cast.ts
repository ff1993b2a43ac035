import { type DType, toBFloat16, toFloat16 } from "@denoise-rotator/core";

const widen: Record<string, string> = {
  f32: "return bits;",
  // Correctly rounded on integers, since WGSL leaves the rounding mode open.
  i32: `
  let magnitude = select(bits, ~bits + 1u, (bits >> 31u) == 1u);
  if (magnitude == 0u) { return 0u; }
  let leading = countLeadingZeros(magnitude);
  let aligned = magnitude << leading;
  let kept = aligned >> 8u;
  let dropped = aligned & 0xffu;
  let up = select(0u, 1u, dropped > 0x80u || (dropped == 0x80u && (kept & 1u) == 1u));
  return (bits & 0x80000000u) | (((157u - leading) << 23u) + kept + up);`,
  bool: "return bits * 0x3f800000u;",
  bf16: "return bits << 16u;",
  f16: `
  let sign = (bits & 0x8000u) << 16u;
  let magnitude = bits & 0x7fffu;
  if (magnitude >= 0x7c00u) { return sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13u); }
  if (magnitude >= 0x400u) { return sign | ((magnitude << 13u) + 0x38000000u); }
  return sign | bitcast<u32>(f32(magnitude) * ${2 ** -24});`,
};

const narrow: Record<string, string> = {
  f32: "return bits;",
  i32: `
  if (isNan(bits)) { return 0u; }
  let exponent = i32((bits >> 23u) & 0xffu) - 127;
  if (exponent < 0) { return 0u; }
  let negative = (bits >> 31u) == 1u;
  if (exponent > 30) { return select(0x7fffffffu, 0x80000000u, negative); }
  let mantissa = (bits & 0x7fffffu) | 0x800000u;
  let magnitude = select(mantissa >> u32(max(23 - exponent, 0)), mantissa << u32(max(exponent - 23, 0)), exponent > 23);
  return select(magnitude, ~magnitude + 1u, negative);`,
  bool: "return select(1u, 0u, isZero(bits));",
  bf16: `
  if (isNan(bits)) { return (bits >> 16u) | 0x40u; }
  return (bits + 0x7fffu + ((bits >> 16u) & 1u)) >> 16u;`,
  f16: `
  let sign = (bits >> 16u) & 0x8000u;
  let magnitude = bits & 0x7fffffffu;
  if (magnitude > infinity) { return sign | 0x7e00u; }
  if (magnitude >= 0x477ff000u) { return sign | 0x7c00u; }
  if (magnitude >= 0x38800000u) {
    let rebased = magnitude - 0x38000000u;
    return sign | ((rebased + 0xfffu + ((rebased >> 13u) & 1u)) >> 13u);
  }
  // A subnormal: its 24 bits shifted to units of 2^-24, rounded to nearest even.
  let exponent = magnitude >> 23u;
  if (exponent < 102u) { return sign; }
  let mantissa = (magnitude & 0x7fffffu) | 0x800000u;
  let shift = 126u - exponent;
  let kept = mantissa >> shift;
  let dropped = mantissa & ((1u << shift) - 1u);
  let tie = 1u << (shift - 1u);
  let up = select(0u, 1u, dropped > tie || (dropped == tie && (kept & 1u) == 1u));
  return sign | (kept + up);`,
};

/**
 * `fn cast(bits) -> u32` between the bits of two dtypes, every case on integers: round to nearest even, subnormals kept,
 * NaN stays NaN; floats to i32 truncate and saturate. Needs `floatBits`.
 */
export function castBits(from: DType, to: DType): string {
  if (from === to) return "fn cast(bits: u32) -> u32 { return bits; }\n";
  if (from === "i32" && to === "bool")
    return "fn cast(bits: u32) -> u32 { return select(0u, 1u, bits != 0u); }\n";
  if (from === "bool" && to === "i32") return "fn cast(bits: u32) -> u32 { return bits; }\n";
  return `fn widen(bits: u32) -> u32 {${widen[from]} }
fn narrow(bits: u32) -> u32 {${narrow[to]} }
fn cast(bits: u32) -> u32 { return narrow(widen(bits)); }
`;
}

/** Bits of `value` as `dtype` stores it. */
export function storedBits(dtype: DType, value: number): number {
  switch (dtype) {
    case "bool":
      return value !== 0 ? 1 : 0;
    case "i32":
      return Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.trunc(value))) >>> 0;
    case "f16":
      return toFloat16(value);
    case "bf16":
      return toBFloat16(value);
    default:
      scratch.setFloat32(0, value);
      return scratch.getUint32(0);
  }
}
const scratch = /* @__PURE__ */ new DataView(new ArrayBuffer(4));
