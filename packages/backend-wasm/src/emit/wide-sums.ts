import { type F64, f32x4, f64, f64x2, type V128, v128 } from "../assembler/expressions.js";

/** The sum of two vectors of two f64, as `addWide` fills them. */
export const wideTotal = (low: V128, high: V128): F64 => {
  const add = (lane: number) => f64.add(f64x2.extract(low, lane), f64x2.extract(high, lane));
  return f64.add(add(0), add(1));
};

/** Four f64 in two vectors, rounded to f32. */
export const narrow = (low: V128, high: V128): V128 =>
  v128.shuffle32(f32x4.demoteF64x2Zero(low), f32x4.demoteF64x2Zero(high), [0, 1, 4, 5]);
