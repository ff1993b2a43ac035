import { bytesOfF32, bytesOfF64, signed, unsigned } from "./encoding.js";

/**
 * WebAssembly as typed expressions: an expression is the bytes that leave one value of its type on the stack, so
 * nesting calls nests code. Names follow the WebAssembly text format.
 */
export type ValueType = "i32" | "f32" | "f64" | "v128";

export interface Expr<T extends ValueType> {
  readonly type: T;
  readonly code: readonly number[];
}
export interface Local<T extends ValueType> extends Expr<T> {
  readonly index: number;
}
export type I32 = Expr<"i32">;
export type F32 = Expr<"f32">;
export type F64 = Expr<"f64">;
export type V128 = Expr<"v128">;
/** Integers may be written as plain numbers. */
export type Int = I32 | number;

const make = <T extends ValueType>(type: T, code: readonly number[]): Expr<T> => ({ type, code });

export const int = (value: Int): I32 =>
  typeof value === "number" ? make("i32", [0x41, ...signed(value)]) : value;

/**
 * Address of the running thread's own area. Scratch places of `engine/layout.ts` are relative to it: kernels write
 * `f.store(threadArea, value, layout.scratch)` or form `i32.add(threadArea, layout.scratch)`.
 */
export const threadArea: I32 = make("i32", [0x23, 0]);

const simd = (opcode: number, ...immediates: number[]): number[] => [
  0xfd,
  ...unsigned(opcode),
  ...immediates,
];

const unaryOf =
  <A extends ValueType, R extends ValueType>(result: R, ...opcode: number[]) =>
  (a: Expr<A>): Expr<R> =>
    make(result, [...a.code, ...opcode]);
const binaryOf =
  <A extends ValueType, R extends ValueType>(result: R, ...opcode: number[]) =>
  (a: Expr<A>, b: Expr<A>): Expr<R> =>
    make(result, [...a.code, ...b.code, ...opcode]);
const integer =
  (opcode: number) =>
  (a: Int, b: Int): I32 =>
    make("i32", [...int(a).code, ...int(b).code, opcode]);
const loadOf =
  <T extends ValueType>(type: T, ...opcode: number[]) =>
  (address: Int, offset = 0): Expr<T> =>
    make(type, [...int(address).code, ...opcode, 0, ...unsigned(offset)]);
const laneOf =
  <T extends ValueType>(type: T, opcode: number) =>
  (a: V128, lane: number): Expr<T> =>
    make(type, [...a.code, ...simd(opcode, lane)]);
const shiftOf =
  (opcode: number) =>
  (a: V128, count: Int): V128 =>
    make("v128", [...a.code, ...int(count).code, ...simd(opcode)]);

const v1 = (opcode: number) => unaryOf<"v128", "v128">("v128", ...simd(opcode));
const v2 = (opcode: number) => binaryOf<"v128", "v128">("v128", ...simd(opcode));

export const i32 = {
  add: integer(0x6a),
  sub: integer(0x6b),
  mul: integer(0x6c),
  remU: integer(0x70),
  and: integer(0x71),
  or: integer(0x72),
  shl: integer(0x74),
  shrS: integer(0x75),
  shrU: integer(0x76),
  eq: integer(0x46),
  ne: integer(0x47),
  ltS: integer(0x48),
  gtS: integer(0x4a),
  leS: integer(0x4c),
  geS: integer(0x4e),
  eqz: (a: I32): I32 => make("i32", [...a.code, 0x45]),
  load: loadOf("i32", 0x28),
  load8U: loadOf("i32", 0x2d),
  load16U: loadOf("i32", 0x2f),
  /** Traps out of range. */
  truncF64S: unaryOf<"f64", "i32">("i32", 0xaa),
  /** The smaller of two side-effect-free integers. */
  min: (a: Int, b: Int): I32 => select(int(a), int(b), i32.ltS(a, b)),
};

export const f32 = {
  const: (value: number): F32 => make("f32", [0x43, ...bytesOfF32(value)]),
  load: loadOf("f32", 0x2a),
  add: binaryOf<"f32", "f32">("f32", 0x92),
  sub: binaryOf<"f32", "f32">("f32", 0x93),
  mul: binaryOf<"f32", "f32">("f32", 0x94),
  div: binaryOf<"f32", "f32">("f32", 0x95),
  min: binaryOf<"f32", "f32">("f32", 0x96),
  max: binaryOf<"f32", "f32">("f32", 0x97),
  sqrt: unaryOf<"f32", "f32">("f32", 0x91),
  neg: unaryOf<"f32", "f32">("f32", 0x8c),
  demoteF64: unaryOf<"f64", "f32">("f32", 0xb6),
};

export const f64 = {
  const: (value: number): F64 => make("f64", [0x44, ...bytesOfF64(value)]),
  load: loadOf("f64", 0x2b),
  add: binaryOf<"f64", "f64">("f64", 0xa0),
  sub: binaryOf<"f64", "f64">("f64", 0xa1),
  min: binaryOf<"f64", "f64">("f64", 0xa4),
  max: binaryOf<"f64", "f64">("f64", 0xa5),
  floor: unaryOf<"f64", "f64">("f64", 0x9c),
  mul: binaryOf<"f64", "f64">("f64", 0xa2),
  div: binaryOf<"f64", "f64">("f64", 0xa3),
  sqrt: unaryOf<"f64", "f64">("f64", 0x9f),
  gt: binaryOf<"f64", "i32">("i32", 0x64),
  promoteF32: unaryOf<"f32", "f64">("f64", 0xbb),
  convertI32S: unaryOf<"i32", "f64">("f64", 0xb7),
};

export const v128 = {
  load: loadOf("v128", ...simd(0x00)),
  load8Splat: loadOf("v128", ...simd(0x07)),
  load16Splat: loadOf("v128", ...simd(0x08)),
  load32Splat: loadOf("v128", ...simd(0x09)),
  load32Zero: loadOf("v128", ...simd(0x5c)),
  load64Zero: loadOf("v128", ...simd(0x5d)),
  /** `vector` with one 32-bit lane from memory. */
  load32Lane: (address: Int, vector: V128, lane: number, offset = 0): V128 =>
    make("v128", [...int(address).code, ...vector.code, ...simd(0x56, 0, ...unsigned(offset), lane)]),
  zero: make("v128", simd(0x0c, ...new Array<number>(16).fill(0))),
  not: v1(0x4d),
  and: v2(0x4e),
  /** a ∧ ¬b. */
  andnot: v2(0x4f),
  or: v2(0x50),
  xor: v2(0x51),
  /** Bits of `a` where `mask` is set, of `b` elsewhere. */
  bitselect: (a: V128, b: V128, mask: V128): V128 =>
    make("v128", [...a.code, ...b.code, ...mask.code, ...simd(0x52)]),
  anyTrue: unaryOf<"v128", "i32">("i32", ...simd(0x53)),
  /** Picks four 32-bit lanes out of the eight of `a` (0–3) and `b` (4–7). */
  shuffle32: (a: V128, b: V128, lanes: readonly [number, number, number, number]): V128 =>
    make("v128", [
      ...a.code,
      ...b.code,
      ...simd(0x0d, ...lanes.flatMap((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3])),
    ]),
  /** Picks bytes: 0–15 of `a`, 16–31 of `b`. */
  shuffle8: (a: V128, b: V128, bytes: readonly number[]): V128 =>
    make("v128", [...a.code, ...b.code, ...simd(0x0d, ...bytes)]),
};

export const i8x16 = {
  splat: unaryOf<"i32", "v128">("v128", ...simd(0x0f)),
  eq: v2(0x23),
  ne: v2(0x24),
  ltU: v2(0x26),
  gtU: v2(0x28),
  leU: v2(0x2a),
  geU: v2(0x2c),
  minU: v2(0x77),
  maxU: v2(0x79),
  /** Bytes of `a` at the indices `b`; 0 at indices above 15. */
  swizzle: v2(0x0e),
  /** As `swizzle` for indices up to 15 (relaxed SIMD): one instruction on x64 where that takes two. */
  relaxedSwizzle: v2(0x100),
  narrowI16x8S: v2(0x65),
  allTrue: unaryOf<"v128", "i32">("i32", ...simd(0x63)),
};

export const i16x8 = {
  narrowI32x4S: v2(0x85),
  narrowI32x4U: v2(0x86),
  extendLowI8x16U: v1(0x89),
};

export const i32x4 = {
  splat: unaryOf<"i32", "v128">("v128", ...simd(0x11)),
  extract: laneOf("i32", 0x1b),
  eq: v2(0x37),
  ne: v2(0x38),
  ltS: v2(0x39),
  gtS: v2(0x3b),
  leS: v2(0x3d),
  geS: v2(0x3f),
  abs: v1(0xa0),
  neg: v1(0xa1),
  extendLowI16x8U: v1(0xa9),
  shl: shiftOf(0xab),
  shrS: shiftOf(0xac),
  shrU: shiftOf(0xad),
  add: v2(0xae),
  sub: v2(0xb1),
  mul: v2(0xb5),
  minS: v2(0xb6),
  maxS: v2(0xb8),
  maxU: v2(0xb9),
  truncSatF32x4S: v1(0xf8),
};

export const f32x4 = {
  splat: unaryOf<"f32", "v128">("v128", ...simd(0x13)),
  extract: laneOf("f32", 0x1f),
  eq: v2(0x41),
  ne: v2(0x42),
  lt: v2(0x43),
  gt: v2(0x44),
  le: v2(0x45),
  ge: v2(0x46),
  ceil: v1(0x67),
  floor: v1(0x68),
  nearest: v1(0x6a),
  abs: v1(0xe0),
  neg: v1(0xe1),
  sqrt: v1(0xe3),
  add: v2(0xe4),
  sub: v2(0xe5),
  mul: v2(0xe6),
  div: v2(0xe7),
  min: v2(0xe8),
  max: v2(0xe9),
  /** `b < a ? b : a`. */
  pmin: v2(0xea),
  /** `a < b ? b : a`. */
  pmax: v2(0xeb),
  convertI32x4S: v1(0xfa),
  /** Two f64 to the low lanes, 0 in the others. */
  demoteF64x2Zero: v1(0x5e),
  /** a·b + c, fused where the processor can (relaxed SIMD). */
  relaxedMadd: (a: V128, b: V128, c: V128): V128 =>
    make("v128", [...a.code, ...b.code, ...c.code, ...simd(0x105)]),
};

export const f64x2 = {
  extract: laneOf("f64", 0x21),
  add: v2(0xf0),
  mul: v2(0xf2),
  promoteLowF32x4: v1(0x5f),
};

/** `condition ? a : b`; both are evaluated. */
export function select<T extends ValueType>(a: Expr<T>, b: Expr<T>, condition: I32): Expr<T> {
  return make(a.type, [...a.code, ...b.code, ...condition.code, 0x1b]);
}
