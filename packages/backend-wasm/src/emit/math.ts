import { f32x4, i32x4, type V128, v128 } from "../assembler/expressions.js";
import type { FunctionBuilder } from "../assembler/function-builder.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";

/** Functions of the lanes of one vector; each returns an expression of fresh locals. */

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
