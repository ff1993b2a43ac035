import { type DType, isFloat, Random } from "@denoise-rotator/core";

/** Draws one value; the values of an operand are drawn in turn from one seeded generator. */
export type Values = (random: Random) => number;

const pick = (random: Random, list: readonly number[]): number => list[random.integer(list.length)]!;
const between = (random: Random, low: number, high: number): number => low + (high - low) * random.next();

const special = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0];
const largest = { f32: 3.4028234663852886e38, f64: Number.MAX_VALUE };
const smallestNormal = { f32: 2 ** -126, f64: 2 ** -1022 };
const smallestSubnormal = { f32: 2 ** -149, f64: Number.MIN_VALUE };

/** Every kind of float: specials, halves and integers, ordinary numbers, all exponents; `subnormals` on request. */
export function anyFloat(dtype: "f32" | "f64", subnormals: boolean): Values {
  const extremes = [largest[dtype], -largest[dtype], smallestNormal[dtype], 1, -1, 0.5, 1.5, 2.5, -0.5, -1.5];
  const tiny = subnormals
    ? [smallestSubnormal[dtype], -smallestSubnormal[dtype], smallestNormal[dtype] / 2]
    : [];
  const lowest = dtype === "f32" ? (subnormals ? -149 : -126) : subnormals ? -1074 : -1022;
  return (random) => {
    const kind = random.next();
    if (kind < 0.15) return pick(random, special);
    if (kind < 0.25) return pick(random, [...extremes, ...tiny]);
    if (kind < 0.4) return (random.integer(17) - 8) / 2;
    if (kind < 0.55) return between(random, -120, 120);
    if (kind < 0.7) return between(random, -1, 1) * 2 ** (lowest + 24 + random.integer(127 - lowest - 24));
    return random.nextNormal();
  };
}

/** Normal deviates: sums of them stay far from overflow. */
export const ordinary: Values = (random) => random.nextNormal();
/** {@link ordinary} with a NaN, infinity or signed zero here and there. */
export const ordinaryWithSpecials: Values = (random) =>
  random.next() < 0.03 ? pick(random, special) : random.nextNormal();
/** Few distinct values, so that many tie; specials among them. */
export const tied: Values = (random) => (random.next() < 0.2 ? pick(random, special) : random.integer(7) - 3);
/** Arguments of sine and cosine, |x| ≤ 100, where single precision still knows the angle. */
export const angles: Values = (random) =>
  random.next() < 0.1 ? pick(random, special) : between(random, -100, 100);
/** Bases and exponents of powers: b·ln a stays moderate, the exceptional cases of IEEE 754 occur often. */
export const bases: Values = (random) =>
  random.next() < 0.4
    ? pick(random, [...special, 1, -1, 2, -2, -3, 0.5, -0.5, 4])
    : between(random, 0, 1) < 0.2
      ? -between(random, 0, 20)
      : between(random, 0, 20);
export const exponents: Values = (random) =>
  random.next() < 0.6
    ? pick(random, [...special, 1, -1, 2, -2, 3, -3, 0.5, -0.5, 4])
    : between(random, -4, 4);
/** Non-negative, zeros included. */
export const nonNegative: Values = (random) => (random.next() < 0.15 ? 0 : random.nextNormal() ** 2);

/** i32: small ones, the extremes, and all others. */
export const integers: Values = (random) => {
  const kind = random.next();
  if (kind < 0.5) return random.integer(11) - 5;
  if (kind < 0.65) return pick(random, [2 ** 31 - 1, -(2 ** 31), 2 ** 31 - 2, 65536, -65537, 0]);
  return random.bits() | 0;
};
/** i32 whose sums do not overflow. */
export const smallIntegers: Values = (random) => random.integer(2001) - 1000;
export const booleans: Values = (random) => random.integer(2);
/** Indices of an axis of `length`, some outside it. */
export const indicesInto =
  (length: number): Values =>
  (random) =>
    random.next() < 0.1
      ? pick(random, [-1, length, length + 7, -(2 ** 31), 2 ** 31 - 1])
      : random.integer(Math.max(1, length));

/** What any operand of `dtype` may hold. */
export function anyValue(dtype: DType, subnormals: boolean): Values {
  if (isFloat(dtype)) return anyFloat(dtype, subnormals);
  if (dtype === "i32") return integers;
  if (dtype === "bool") return booleans;
  return anyFloat("f32", subnormals);
}
/** What a sum or product of `dtype` may take without overflow. */
export const summable = (dtype: DType, specials: boolean): Values =>
  dtype === "i32" ? smallIntegers : dtype === "bool" ? booleans : specials ? ordinaryWithSpecials : ordinary;

/** A source of values from a seed. */
export function draw(seed: number, values: Values): () => number {
  const random = new Random(seed);
  return () => values(random);
}
