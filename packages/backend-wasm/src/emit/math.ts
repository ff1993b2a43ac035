import { f32x4, i32x4, type V128, v128 } from "../assembler/expressions.js";
import type { FunctionBuilder } from "../assembler/function-builder.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";

/**
 * Functions of four f32 at once, about 1–2 ulp over the whole range. Polynomials are those of the Cephes library
 * (S. L. Moshier, *Methods and Programs for Mathematical Functions*, 1989). Each returns an expression of fresh locals.
 */
const horner = (m: ModuleBuilder, x: V128, coefficients: readonly number[]): V128 =>
  coefficients
    .slice(1)
    .reduce<V128>((sum, coefficient) => m.madd(sum, x, m.f32(coefficient)), m.f32(coefficients[0]!));

/** Adding it leaves a small number's nearest integer in the low bits of the sum. */
const integerBias = 1.5 * 2 ** 23;

/** Overflows to infinity, underflows through the denormals to 0. */
export function exp(m: ModuleBuilder, f: FunctionBuilder, argument: V128): V128 {
  // Unlike min and max, pmin and pmax are single instructions; in this order they keep NaN.
  const x = f.let(f32x4.pmax(f32x4.pmin(argument, m.f32(89)), m.f32(-105)));
  const biased = f.let(m.madd(x, m.f32(Math.LOG2E), m.f32(integerBias)));
  const n = f.let(f32x4.sub(biased, m.f32(integerBias)));
  f.set(x, m.madd(n, m.f32(-0.693359375), x));
  f.set(x, m.madd(n, m.f32(2.1219444e-4), x));
  const polynomial = horner(
    m,
    x,
    [1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1],
  );
  const y = f.let(f32x4.add(m.madd(polynomial, f32x4.mul(x, x), x), m.f32(1)));
  // 2^n in two factors: n reaches 128 and −151, beyond what one exponent field holds.
  const exponent = f.let(i32x4.sub(biased, m.f32(integerBias)));
  const half = f.let(i32x4.shrS(exponent, 1));
  const power = (e: V128) => i32x4.shl(i32x4.add(e, m.i32(127)), 23);
  return f.let(f32x4.mul(f32x4.mul(y, power(half)), power(i32x4.sub(exponent, half))));
}

/** NaN below 0, −∞ at 0, exact scaling of denormals. */
export function log(m: ModuleBuilder, f: FunctionBuilder, argument: V128): V128 {
  const x = f.let(argument);
  const tiny = f.let(f32x4.lt(x, m.f32(2 ** -126)));
  const scaled = f.let(v128.bitselect(f32x4.mul(x, m.f32(2 ** 23)), x, tiny));
  // scaled = 2^k · (1 + u) with 1 + u in [0.7, 1.4)
  const k = f.let(i32x4.shrS(i32x4.sub(scaled, m.i32(0x3f330000)), 23));
  const u = f.let(f32x4.sub(i32x4.sub(scaled, i32x4.shl(k, 23)), m.f32(1)));
  const exponent = f.let(f32x4.convertI32x4S(i32x4.sub(k, v128.and(tiny, m.i32(23)))));
  const square = f.let(f32x4.mul(u, u));
  const polynomial = horner(
    m,
    u,
    [
      7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
      2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
    ],
  );
  const y = f.let(f32x4.mul(f32x4.mul(polynomial, u), square));
  f.set(y, m.madd(exponent, m.f32(-2.1219444e-4), y));
  f.set(y, m.madd(m.f32(-0.5), square, y));
  f.set(y, m.madd(exponent, m.f32(0.693359375), f32x4.add(u, y)));
  const infinite = m.f32(Number.POSITIVE_INFINITY);
  // +∞ and NaN give themselves; 0 gives −∞; what is below gives NaN.
  f.set(y, v128.bitselect(y, x, f32x4.lt(x, infinite)));
  f.set(y, v128.bitselect(m.f32(Number.NaN), y, f32x4.lt(x, v128.zero)));
  return f.let(v128.bitselect(m.f32(Number.NEGATIVE_INFINITY), y, f32x4.eq(x, v128.zero)));
}

export function sigmoid(m: ModuleBuilder, f: FunctionBuilder, argument: V128): V128 {
  const x = f.let(argument);
  const e = exp(m, f, f32x4.neg(f32x4.abs(x)));
  const numerator = v128.bitselect(e, m.f32(1), f32x4.lt(x, v128.zero));
  return f.let(f32x4.div(numerator, f32x4.add(m.f32(1), e)));
}

export function tanh(m: ModuleBuilder, f: FunctionBuilder, argument: V128): V128 {
  const x = f.let(argument);
  const magnitude = f.let(f32x4.abs(x));
  const square = f.let(f32x4.mul(x, x));
  const polynomial = horner(
    m,
    square,
    [-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1],
  );
  const small = f.let(m.madd(f32x4.mul(polynomial, square), x, x));
  const e = exp(m, f, f32x4.add(magnitude, magnitude));
  const large = f32x4.sub(m.f32(1), f32x4.div(m.f32(2), f32x4.add(e, m.f32(1))));
  const signed = v128.or(large, v128.and(x, m.i32(-0x80000000)));
  return f.let(v128.bitselect(small, signed, f32x4.lt(magnitude, m.f32(0.625))));
}

/** −1, 1, and ±0 and NaN as they are. */
export function sign(m: ModuleBuilder, f: FunctionBuilder, argument: V128): V128 {
  const x = f.let(argument);
  const unit = v128.or(m.f32(1), v128.and(x, m.i32(-0x80000000)));
  return f.let(v128.bitselect(unit, x, f32x4.gt(f32x4.abs(x), v128.zero)));
}

/** The f32 of IEEE binary16 bits in the low half of each lane. */
export function fromFloat16(m: ModuleBuilder, f: FunctionBuilder, bits: V128): V128 {
  const h = f.let(bits);
  const shifted = f.let(i32x4.shl(v128.and(h, m.i32(0x7fff)), 13));
  // Rebasing the exponent by a multiplication gets denormals right; infinity and NaN need the largest exponent.
  const finite = f32x4.mul(shifted, m.f32(2 ** 112));
  const special = v128.or(shifted, m.i32(0x7f800000));
  const magnitude = v128.bitselect(special, finite, i32x4.gtS(shifted, m.i32(0x0f7fffff)));
  return f.let(v128.or(magnitude, i32x4.shl(v128.and(h, m.i32(0x8000)), 16)));
}

/** IEEE binary16 bits nearest to each lane, ties to even, as core's `toFloat16`. */
export function toFloat16(m: ModuleBuilder, f: FunctionBuilder, value: V128): V128 {
  const x = f.let(value);
  const magnitude = f.let(v128.and(x, m.i32(0x7fffffff)));
  const odd = v128.and(i32x4.shrU(magnitude, 13), m.i32(1));
  const rounded = i32x4.add(i32x4.add(i32x4.sub(magnitude, m.i32(0x38000000)), m.i32(0xfff)), odd);
  const normal = f.let(i32x4.shrU(rounded, 13));
  const denormal = i32x4.sub(f32x4.add(magnitude, m.f32(0.5)), m.i32(0x3f000000));
  f.set(normal, v128.bitselect(normal, denormal, i32x4.geS(magnitude, m.i32(0x38800000))));
  f.set(normal, v128.bitselect(m.i32(0x7c00), normal, i32x4.geS(magnitude, m.i32(0x477ff000))));
  f.set(normal, v128.bitselect(m.i32(0x7e00), normal, i32x4.gtS(magnitude, m.i32(0x7f800000))));
  return f.let(v128.or(normal, v128.and(i32x4.shrU(x, 16), m.i32(0x8000))));
}

/** bfloat16 bits nearest to each lane, ties to even, NaN kept quiet. */
export function toBFloat16(m: ModuleBuilder, f: FunctionBuilder, value: V128): V128 {
  const x = f.let(value);
  const odd = v128.and(i32x4.shrU(x, 16), m.i32(1));
  const rounded = i32x4.shrU(i32x4.add(i32x4.add(x, m.i32(0x7fff)), odd), 16);
  const quiet = v128.or(i32x4.shrU(x, 16), m.i32(0x40));
  return f.let(v128.bitselect(quiet, rounded, f32x4.ne(x, x)));
}

/** Integers in the order of the floats: NaN largest, −0 equal to 0. */
export function orderKey(m: ModuleBuilder, f: FunctionBuilder, value: V128): V128 {
  const x = f.let(f32x4.add(value, v128.zero));
  const ordered = v128.xor(x, v128.and(i32x4.shrS(x, 31), m.i32(0x7fffffff)));
  return f.let(v128.bitselect(ordered, m.i32(0x7fffffff), f32x4.eq(x, x)));
}

/** One lane from four by `combine`, in all lanes of the result. */
export function acrossLanes(f: FunctionBuilder, value: V128, combine: (a: V128, b: V128) => V128): V128 {
  const a = f.let(value);
  const b = f.let(combine(a, v128.shuffle32(a, a, [2, 3, 0, 1])));
  return f.let(combine(b, v128.shuffle32(b, b, [1, 0, 3, 2])));
}
