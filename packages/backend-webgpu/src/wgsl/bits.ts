/**
 * Tests and comparisons of floats by their bits. WGSL implementations may assume that there is neither NaN nor infinity
 * (and one says `x != x` is false of NaN), so every special case is decided on integers.
 */
export const floatBits = /* wgsl */ `
const quietNan = 0x7fc00000u;
const infinity = 0x7f800000u;
fn isNan(bits: u32) -> bool { return (bits & 0x7fffffffu) > infinity; }
fn isZero(bits: u32) -> bool { return (bits & 0x7fffffffu) == 0u; }
fn isNonFinite(bits: u32) -> bool { return (bits & infinity) == infinity; }
/** Orders as numbers do, -0 below +0, of what is not NaN. */
fn orderOf(bits: u32) -> i32 {
  return bitcast<i32>(bits ^ (bitcast<u32>(bitcast<i32>(bits) >> 31u) & 0x7fffffffu));
}
`;

/** The float with the given bits, where a constant of WGSL could not be infinite or NaN. */
export const floatOfBits = /* wgsl */ `
fn floatOf(bits: u32) -> f32 { var hidden = bits; return bitcast<f32>(hidden); }
`;
