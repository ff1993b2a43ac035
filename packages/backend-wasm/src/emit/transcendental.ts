import { f32x4, type I32, i32x4, type V128, v128 } from "../assembler/expressions.js";
import type { FunctionBuilder } from "../assembler/function-builder.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";
import { type Bundle, fold, horner, keep, type Lanewise, type Locals, update } from "./bundle.js";

/*
 * exp, log, sigmoid and tanh of bundles. Ordinary arguments take a short branch-free path; if any lane of a bundle is
 * not ordinary (denormal, infinite, NaN, or with such a result), the bundle is computed again with every case handled. Both
 * paths give the same bits for an ordinary lane, so a result never depends on its neighbours. Polynomials are minimax fits
 * (Remez) of the relative error of the function itself.
 */

/** Adding it leaves a small number's nearest integer in the low bits of the sum. */
const integerBias = 1.5 * 2 ** 23;
/** ln 2 in two parts; products of the first with integers below 2^15 are exact. */
const ln2High = 0.693359375;
const ln2Low = -2.1219444e-4;
/** exp(r) = 1 + r + r²·Q(r) for |r| ≤ ln 2 / 2 within 0.04 · 2^−24. Highest power first. */
const expPolynomial = [
  1.384364441037178e-3, 8.374162949621677e-3, 4.166800156235695e-2, 1.6666431725025177e-1,
  4.999999403953552e-1, 1, 1,
];
/** exp(r) for |r| ≤ ln 2 / 2 within 1.3 · 2^−24. */
const shortExpPolynomial = [
  8.297648280858994e-3, 4.191543161869049e-2, 1.6667574644088745e-1, 4.9998894333839417e-1,
  9.999997019767761e-1, 1.0000001192092896,
];
/** log(1 + u) = u − u²/2 + u³·P(u) for |u| ≤ 1/3 within 0.08 · 2^−24. */
const logPolynomial = [
  -1.2891685962677002e-1, 1.398443728685379e-1, -1.2184260785579681e-1, 1.40058696269989e-1,
  -1.6680487990379333e-1, 2.0010405778884888e-1, -2.4999797344207764e-1, 3.333321511745453e-1, -0.5,
];

/** Up to this magnitude e^x is normal and its exponent needs no care. */
const ordinaryExponent = 86.5;

/** exp of |x| ≤ 86.5 within 1.1 ulp (1.4 without fused multiply-add); what is beyond, or NaN, gives anything. */
export function expOrdinary(m: ModuleBuilder, f: FunctionBuilder, x: Bundle): Locals {
  const { power, biased } = expParts(m, f, x);
  // Into the exponent field of numbers in [0.7, 1.42].
  update(f, power, (y, i) => i32x4.add(y, i32x4.shl(biased[i]!, 23)));
  return power;
}

/** Below this e^x counts as 0: the smallest normal f32 is e^−87.34. */
const leastExponent = -88;

/**
 * e^x of x ≤ 0 in fewer instructions, for weights that are summed: within 2 ulp of 1, 4 at the smallest. 0 below −88 and
 * at −∞; NaN stays NaN.
 */
export function expOfNegative(m: ModuleBuilder, f: FunctionBuilder, x: Bundle): Locals {
  const least = f.let(m.f32(leastExponent));
  const [toBits, bias] = [f.let(m.f32(Math.LOG2E)), f.let(m.f32(integerBias))];
  // In this order pmax keeps NaN. At the least argument n = −127, whose power of two comes out as 0.
  const rest = keep(f, x, (value) => f32x4.pmax(value, least));
  const biased = keep(f, rest, (value) => m.madd(value, toBits, bias));
  const ln2 = f.let(m.f32(-Math.LN2));
  update(f, rest, (r, i) => m.madd(f32x4.sub(biased[i]!, bias), ln2, r));
  const power = horner(m, f, rest, shortExpPolynomial);
  update(f, power, (y, i) => f32x4.mul(y, powerOfTwo(m, biased[i]!)));
  return power;
}

/** 2^n for −127 (where it is 0) < n < 128 in the low bits of `biased`. */
const powerOfTwo = (m: ModuleBuilder, biased: V128): V128 => i32x4.add(i32x4.shl(biased, 23), m.f32(1));

/** e^r in [0.7, 1.42] and, in the low bits of `biased`, n such that e^x = 2^n · e^r. */
function expParts(m: ModuleBuilder, f: FunctionBuilder, x: Bundle): { power: Locals; biased: Locals } {
  const [toBits, bias] = [f.let(m.f32(Math.LOG2E)), f.let(m.f32(integerBias))];
  const biased = keep(f, x, (value) => m.madd(value, toBits, bias));
  const n = keep(f, biased, (value) => f32x4.sub(value, bias));
  const [high, low] = [f.let(m.f32(-ln2High)), f.let(m.f32(-ln2Low))];
  const rest = keep(f, x, (value, i) => m.madd(n[i]!, high, value));
  update(f, rest, (r, i) => m.madd(n[i]!, low, r));
  return { power: horner(m, f, rest, expPolynomial), biased };
}

/** exp over the whole range: overflows to infinity, underflows through the denormals to 0. */
function expExtreme(m: ModuleBuilder, f: FunctionBuilder, argument: V128): V128 {
  // Unlike min and max, pmin and pmax are single instructions; in this order they keep NaN.
  const x = f.let(f32x4.pmax(f32x4.pmin(argument, m.f32(89)), m.f32(-105)));
  const { power, biased } = expParts(m, f, [x]);
  // 2^n in two factors: n reaches 128 and −151, beyond what one exponent field holds.
  const exponent = f.let(i32x4.sub(biased[0]!, m.f32(integerBias)));
  const half = f.let(i32x4.shrS(exponent, 1));
  const scale = (e: V128) => i32x4.shl(i32x4.add(e, m.i32(127)), 23);
  return f32x4.mul(f32x4.mul(power[0]!, scale(half)), scale(i32x4.sub(exponent, half)));
}

const magnitude = (m: ModuleBuilder, x: V128): V128 => v128.and(x, m.i32(0x7fffffff));
/** Lanes of magnitude beyond {@link ordinaryExponent}, or NaN. */
const isExtreme = (m: ModuleBuilder, magnitudes: V128): V128 =>
  i32x4.gtS(magnitudes, m.f32(ordinaryExponent));

function anyExtreme(m: ModuleBuilder, x: Bundle): I32 {
  const magnitudes = x.map((value) => magnitude(m, value));
  return v128.anyTrue(isExtreme(m, fold(magnitudes, i32x4.maxS)));
}

/** e^x within 1.1 ulp (1.4 without fused multiply-add), denormal results included. */
export const exp: Lanewise = (m, f, x) => {
  const extreme = f.let(anyExtreme(m, x));
  const result = expOrdinary(m, f, x);
  f.if(extreme, () => update(f, result, (_, i) => expExtreme(m, f, x[i]!)));
  return result;
};

/** log of positive normal x: x = 2^k · (1 + u) with 1 + u in [2/3, 4/3). */
function logOrdinary(m: ModuleBuilder, f: FunctionBuilder, x: Bundle): Locals {
  const shift = f.let(m.i32(0x3f2aaaab));
  const mask = f.let(m.i32(-0x800000));
  const exponent = keep(f, x, (value) => v128.and(i32x4.sub(value, shift), mask));
  const u = keep(f, x, (value, i) => f32x4.sub(i32x4.sub(value, exponent[i]!), m.f32(1)));
  const polynomial = horner(m, f, u, logPolynomial);
  update(f, polynomial, (p, i) => m.madd(p, f32x4.mul(u[i]!, u[i]!), u[i]!));
  const ln2 = f.let(m.f32(Math.LN2 * 2 ** -23));
  update(f, polynomial, (p, i) => m.madd(f32x4.convertI32x4S(exponent[i]!), ln2, p));
  return polynomial;
}

/** log over the whole range: NaN below 0, −∞ at 0, exact scaling of denormals. */
function logExtreme(m: ModuleBuilder, f: FunctionBuilder, argument: V128): V128 {
  const x = f.let(argument);
  const tiny = f.let(f32x4.lt(x, m.f32(2 ** -126)));
  const scaled = f.let(v128.bitselect(f32x4.mul(x, m.f32(2 ** 24)), x, tiny));
  const ordinary = logOrdinary(m, f, [scaled])[0]!;
  const y = f.let(f32x4.add(ordinary, v128.and(tiny, m.f32(-24 * Math.LN2))));
  // +∞ and NaN give themselves.
  f.set(y, v128.bitselect(y, x, f32x4.lt(x, m.f32(Number.POSITIVE_INFINITY))));
  f.set(y, v128.bitselect(m.f32(Number.NaN), y, f32x4.lt(x, v128.zero)));
  return v128.bitselect(m.f32(Number.NEGATIVE_INFINITY), y, f32x4.eq(x, v128.zero));
}

/** ln x within 1.1 ulp (1.6 without fused multiply-add), denormal arguments included. */
export const log: Lanewise = (m, f, x) => {
  const least = fold(x, i32x4.minS);
  const most = fold(x, i32x4.maxS);
  const [smallestNormal, infinite] = [m.f32(2 ** -126), m.f32(Number.POSITIVE_INFINITY)];
  const outside = v128.or(i32x4.ltS(least, smallestNormal), i32x4.geS(most, infinite));
  const extreme = f.let(v128.anyTrue(outside));
  const result = logOrdinary(m, f, x);
  f.if(extreme, () => update(f, result, (_, i) => logExtreme(m, f, x[i]!)));
  return result;
};

/** 1 / (1 + e^−x) within 2.4 ulp. */
export const sigmoid: Lanewise = (m, f, x) => {
  const extreme = f.let(anyExtreme(m, x));
  const negated = keep(f, x, f32x4.neg);
  const result = expOrdinary(m, f, negated);
  const one = f.let(m.f32(1));
  update(f, result, (e) => f32x4.div(one, f32x4.add(one, e)));
  f.if(extreme, () =>
    update(f, result, (ordinary, i) => {
      // e^x where x is negative: its reciprocal may overflow.
      const e = f.let(expExtreme(m, f, f32x4.neg(f32x4.abs(x[i]!))));
      const numerator = v128.bitselect(e, m.f32(1), f32x4.lt(x[i]!, v128.zero));
      const quotient = f32x4.div(numerator, f32x4.add(m.f32(1), e));
      return v128.bitselect(quotient, ordinary, isExtreme(m, magnitude(m, x[i]!)));
    }),
  );
  return result;
};

/** tanh within 2 ulp: a polynomial (Cephes) below 0.625, 1 − 2t / (1 + t) with t = e^−2|x| above. */
export const tanh: Lanewise = (m, f, x) => {
  const sign = f.let(m.i32(-0x80000000));
  const doubled = keep(f, x, (value) => v128.or(f32x4.add(value, value), sign));
  const t = expOfNegative(m, f, doubled);
  const one = f.let(m.f32(1));
  update(f, t, (e) => f32x4.sub(one, f32x4.div(f32x4.add(e, e), f32x4.add(e, one))));
  update(f, t, (value, i) => v128.or(value, v128.and(x[i]!, sign)));
  const square = keep(f, x, (value) => f32x4.mul(value, value));
  const small = horner(
    m,
    f,
    square,
    [-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1],
  );
  update(f, small, (p, i) => m.madd(f32x4.mul(p, square[i]!), x[i]!, x[i]!));
  const limit = f.let(m.f32(0.625));
  update(f, t, (large, i) => v128.bitselect(small[i]!, large, f32x4.lt(f32x4.abs(x[i]!), limit)));
  return t;
};
