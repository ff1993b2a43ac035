/*
 * Elementary functions from bits to bits, since the built-in ones may be as inexact as they like (tanh(100) is NaN and
 * log(0) is -88 on one implementation). Polynomials are minimax fits. All need `floatBits` and `floatOfBits`; each
 * constant holds everything else it needs, so join only those that share nothing.
 */

/** 2^n · y by its bits, for y in [1/4, 4): overflows to infinity, underflows through the subnormals. */
const scale = /* wgsl */ `
fn scaleBits(y: f32, n: i32) -> u32 {
  let bits = bitcast<u32>(y);
  let exponent = i32((bits >> 23u) & 0xffu) + n;
  if (exponent >= 255) { return (bits & 0x80000000u) | infinity; }
  if (exponent > 0) { return (bits & 0x807fffffu) | (u32(exponent) << 23u); }
  let shift = min(1 - exponent, 31);
  return (bits & 0x80000000u) | (((bits & 0x7fffffu) | 0x800000u) >> u32(shift));
}
`;

/** e^(x + low) of finite x, where low is what x was rounded by; within 1.5 ulp. */
const expOfSum = /* wgsl */ `${scale}
fn expOfSum(x: f32, low: f32) -> u32 {
  let n = round(x * ${Math.LOG2E});
  let r = ((x - n * 0.693359375) + n * 2.1219444e-4) + low;
  let q = (((1.384364441037178e-3 * r + 8.374162949621677e-3) * r + 4.166800156235695e-2) * r
    + 1.6666431725025177e-1) * r + 4.999999403953552e-1;
  return scaleBits((q * r * r + r) + 1.0, i32(n));
}
`;

const expOnly = /* wgsl */ `${expOfSum}
fn exponential(x: u32) -> u32 {
  if (isNan(x)) { return x; }
  if (orderOf(x) > 0x42b17218) { return infinity; }
  // Below -104.
  if ((x >> 31u) == 1u && x > 0xc2d00000u) { return 0u; }
  return expOfSum(bitcast<f32>(x), 0.0);
}
`;
/** `fn exponential(bits) -> bits`: e^x within 1.5 ulp. */
export const exponential = expOnly;

/** x = 2^k · (1 + u) of positive finite x, 1 + u in [2/3, 4/3), subnormal x included; ln(1 + u) − u + u²/2. */
const logParts = /* wgsl */ `
struct LogParts { k: f32, u: f32 }
fn logParts(x: u32) -> LogParts {
  var bits = x;
  var shifted = 0;
  if (bits < 0x800000u) {
    let leading = countLeadingZeros(bits) - 8u;
    bits = bits << leading;
    shifted = i32(leading);
  }
  let exponent = bitcast<i32>(bits - 0x3f2aaaabu) >> 23u;
  let u = bitcast<f32>(bits - (bitcast<u32>(exponent) << 23u)) - 1.0;
  return LogParts(f32(exponent - shifted), u);
}
fn logTail(u: f32) -> f32 {
  return (((((((-1.2891685962677002e-1 * u + 1.398443728685379e-1) * u - 1.2184260785579681e-1) * u
    + 1.40058696269989e-1) * u - 1.6680487990379333e-1) * u + 2.0010405778884888e-1) * u
    - 2.4999797344207764e-1) * u + 3.333321511745453e-1) * u * u * u;
}
`;

/** `fn logarithm(bits) -> bits`: ln x within 2 ulp; NaN below 0, −∞ at 0. */
export const logarithm = /* wgsl */ `${logParts}
fn logarithm(x: u32) -> u32 {
  if (isNan(x)) { return x; }
  if (isZero(x)) { return 0xff800000u; }
  if ((x >> 31u) == 1u) { return quietNan; }
  if (x == infinity) { return x; }
  let parts = logParts(x);
  let u = parts.u;
  return bitcast<u32>(parts.k * ${Math.LN2} + ((logTail(u) - 0.5 * u * u) + u));
}
`;

/** `fn sigmoid(bits) -> bits`: 1 / (1 + e^−x). */
export const sigmoid = /* wgsl */ `${expOnly}
fn sigmoid(x: u32) -> u32 {
  if (isNan(x)) { return x; }
  let e = bitcast<f32>(exponential(x | 0x80000000u));
  return bitcast<u32>(select(1.0, e, (x >> 31u) == 1u) / (1.0 + e));
}
`;

/** `fn hyperbolicTangent(bits) -> bits`: a polynomial below 0.625, 1 − 2t / (1 + t) with t = e^−2|x| above. */
export const hyperbolicTangent = /* wgsl */ `${expOnly}
fn hyperbolicTangent(x: u32) -> u32 {
  if (isNan(x)) { return x; }
  let sign = x & 0x80000000u;
  let magnitude = x & 0x7fffffffu;
  if (magnitude < 0x3f200000u) {
    let v = bitcast<f32>(x);
    let s = v * v;
    let p = (((-5.70498872745e-3 * s + 2.06390887954e-2) * s - 5.37397155531e-2) * s + 1.33314422036e-1) * s
      - 3.33332819422e-1;
    return bitcast<u32>(p * s * v + v) | sign;
  }
  // From 16 on the result is 1.
  let t = bitcast<f32>(exponential(bitcast<u32>(-2.0 * bitcast<f32>(min(magnitude, 0x41800000u)))));
  return bitcast<u32>(1.0 - (t + t) / (1.0 + t)) | sign;
}
`;

/**
 * `fn quotient(a, b) -> bits`: a / b. Where exponents are extreme the significands are divided and the exponents
 * subtracted, since devices divide by way of a reciprocal that may overflow or vanish.
 */
const divide = /* wgsl */ `
fn exponentOf(x: u32) -> i32 { return i32((x >> 23u) & 0xffu); }
struct Split { significand: f32, exponent: i32 }
fn splitFloat(x: u32) -> Split {
  var magnitude = x & 0x7fffffffu;
  var shifted = 0;
  if (magnitude < 0x800000u) {
    let leading = countLeadingZeros(magnitude) - 8u;
    magnitude = magnitude << leading;
    shifted = i32(leading) - 1;
  }
  return Split(bitcast<f32>((magnitude & 0x7fffffu) | 0x3f800000u), exponentOf(magnitude) - shifted);
}
fn quotient(a: u32, b: u32) -> u32 {
  let sign = (a ^ b) & 0x80000000u;
  if (abs(exponentOf(a) - 127) < 60 && abs(exponentOf(b) - 127) < 60) {
    return bitcast<u32>(bitcast<f32>(a) / bitcast<f32>(b));
  }
  if (isNan(a) || isNan(b)) { return quietNan; }
  let infiniteA = isNonFinite(a);
  let infiniteB = isNonFinite(b);
  if ((infiniteA && infiniteB) || (isZero(a) && isZero(b))) { return quietNan; }
  if (infiniteA || isZero(b)) { return sign | infinity; }
  if (infiniteB || isZero(a)) { return sign; }
  let p = splitFloat(a);
  let q = splitFloat(b);
  return sign | scaleBits(p.significand / q.significand, p.exponent - q.exponent);
}
`;
export const quotient = scale + divide;

/**
 * `fn sine(bits)` and `fn cosine(bits)`: within 2 · 2^−24 for every finite argument. Angles are reduced by parts of π/2
 * (Cody & Waite), large ones by the bits of 2/π that matter (Payne & Hanek).
 */
const circular = /* wgsl */ `
const twoOverPi = array<u32, 8>(
  0u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu);
struct Angle { rest: f32, quadrant: u32 }
fn mulHigh(a: u32, b: u32) -> u32 {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let middle = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let other = (a & 0xffffu) * (b >> 16u) + (middle & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (middle >> 16u) + (other >> 16u);
}
fn reduceLarge(x: u32) -> Angle {
  let significand = (x & 0x7fffffu) | 0x800000u;
  // The bit of 2/π that weighs 2 after the product with 2^exponent, counted from 32 zeros in front of it.
  let start = ((x >> 23u) & 0xffu) - 120u;
  var table = twoOverPi;
  let at = start >> 5u;
  let by = start & 31u;
  var words: array<u32, 3>;
  for (var i = 0u; i < 3u; i++) {
    let next = select(table[at + i + 1u] >> ((32u - by) & 31u), 0u, by == 0u);
    words[i] = (table[at + i] << by) | next;
  }
  let low = words[2] * significand;
  let middle = words[1] * significand + mulHigh(words[2], significand);
  let carry = select(0u, 1u, middle < words[1] * significand);
  let high = words[0] * significand + mulHigh(words[1], significand) + carry;
  var quadrant = high >> 30u;
  var fraction = (high << 2u) | (middle >> 30u);
  var rest = (middle << 2u) | (low >> 30u);
  let negative = (fraction >> 31u) == 1u;
  if (negative) {
    quadrant += 1u;
    fraction = ~fraction;
    rest = ~rest;
  }
  let magnitude = (f32(fraction) * ${2 ** -32} + f32(rest) * ${2 ** -64}) * ${Math.PI / 2};
  return Angle(select(magnitude, -magnitude, negative), quadrant);
}
/** Of |x|. */
fn reduceAngle(x: u32) -> Angle {
  if (x >= 0x45800000u) { return reduceLarge(x); }
  let v = bitcast<f32>(x);
  let n = round(v * ${2 / Math.PI});
  return Angle(((v - n * 1.5703125) - n * 0.0004837512969970703) - n * 7.549790126404332e-8, u32(n));
}
/** sin of an angle and quadrants more. */
fn sineOf(angle: Angle, more: u32) -> u32 {
  let r = angle.rest;
  let s = r * r;
  let turn = angle.quadrant + more;
  let sine = ((-1.9510839774738997e-4 * s + 8.332131430506706e-3) * s - 1.6666653752326965e-1) * s * r + r;
  let cosine = ((2.4431205019936897e-5 * s - 1.3887305976822972e-3) * s + 4.166664555668831e-2) * s * s
    + (1.0 - 0.5 * s);
  return bitcast<u32>(select(sine, cosine, (turn & 1u) == 1u)) ^ ((turn & 2u) << 30u);
}
fn sine(x: u32) -> u32 {
  if (isNonFinite(x)) { return quietNan; }
  if (isZero(x)) { return x; }
  return sineOf(reduceAngle(x & 0x7fffffffu), 0u) ^ (x & 0x80000000u);
}
fn cosine(x: u32) -> u32 {
  if (isNonFinite(x)) { return quietNan; }
  return sineOf(reduceAngle(x & 0x7fffffffu), 1u);
}
`;
export const sine = circular;
export const cosine = circular;

/**
 * `fn power(a, b) -> bits`: a^b by e^(b·ln a) with the logarithm and its product in two floats each, within a few ulp
 * whatever the size of b·ln a; exceptional cases of IEEE 754.
 */
export const power = /* wgsl */ `${expOfSum}${logParts}
fn upper(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) & 0xfffff000u); }
/** What a·b is more than its rounded product. */
fn productError(a: f32, b: f32, product: f32) -> f32 {
  let p = upper(a);
  let q = upper(b);
  return ((p * q - product) + p * (b - q) + (a - p) * q) + (a - p) * (b - q);
}
/** |a|^b of finite positive |a|, finite b. */
fn powerOfPositive(a: u32, b: f32) -> u32 {
  let parts = logParts(a);
  let u = parts.u;
  let square = u * u;
  let half = -0.5 * square;
  let k = parts.k * 0.693359375;
  let head = k + u;
  let headLow = select(u - (head - k), k - (head - u), abs(u) > abs(k));
  let high = head + half;
  let low = (half - (high - head)) + headLow + (logTail(u) - 0.5 * productError(u, u, square))
    - parts.k * 2.12194440054690583e-4;
  let sum = high + low;
  let rest = low - (sum - high);
  let exponent = b * sum;
  if (exponent > 89.0) { return infinity; }
  if (exponent < -104.0) { return 0u; }
  return expOfSum(exponent, productError(b, sum, exponent) + b * rest);
}
fn isInteger(b: u32) -> bool {
  let e = (b >> 23u) & 0xffu;
  if (e < 127u) { return isZero(b); }
  return e >= 150u || (b << (e - 118u)) == 0u;
}
fn isOdd(b: u32) -> bool {
  let e = (b >> 23u) & 0xffu;
  if (e < 127u || e > 150u) { return false; }
  return ((((b & 0x7fffffu) | 0x800000u) >> (150u - e)) & 1u) == 1u;
}
fn power(a: u32, b: u32) -> u32 {
  if (isZero(b) || a == 0x3f800000u) { return 0x3f800000u; }
  if (isNan(a) || isNan(b)) { return quietNan; }
  let magnitude = a & 0x7fffffffu;
  let falling = (b >> 31u) == 1u;
  if (isNonFinite(b)) {
    if (magnitude == 0x3f800000u) { return 0x3f800000u; }
    return select(0u, infinity, (magnitude < 0x3f800000u) == falling);
  }
  let odd = isInteger(b) && isOdd(b);
  let sign = select(0u, a & 0x80000000u, odd);
  if (magnitude == 0u) { return sign | select(0u, infinity, falling); }
  if (magnitude == infinity) { return sign | select(infinity, 0u, falling); }
  if ((a >> 31u) == 1u && !isInteger(b)) { return quietNan; }
  return sign | powerOfPositive(magnitude, bitcast<f32>(b));
}
`;
