/** Element types. f16 and bf16 are storage only: cast before computing (matmul casts by itself). */
export type DType = "f32" | "f64" | "i32" | "bool" | "f16" | "bf16";
export type FloatDType = "f32" | "f64";

export interface TypedArrayOf {
  f32: Float32Array;
  f64: Float64Array;
  i32: Int32Array;
  bool: Uint8Array;
  f16: Uint16Array;
  bf16: Uint16Array;
}
export type TypedArray = TypedArrayOf[DType];

const widths: Readonly<Record<DType, number>> = { f32: 4, f64: 8, i32: 4, bool: 1, f16: 2, bf16: 2 };
const arrays = {
  f32: Float32Array,
  f64: Float64Array,
  i32: Int32Array,
  bool: Uint8Array,
  f16: Uint16Array,
  bf16: Uint16Array,
} as const;

/** Bytes of one element. */
export const byteWidth = (dtype: DType): number => widths[dtype];

/** A typed array over `buffer` (shares memory); 16-bit floats are seen as their bits. */
export function typedView<D extends DType>(
  dtype: D,
  buffer: ArrayBufferLike,
  byteOffset: number,
  length: number,
): TypedArrayOf[D] {
  return new arrays[dtype](buffer as ArrayBuffer, byteOffset, length) as TypedArrayOf[D];
}

export const allocateTyped = <D extends DType>(dtype: D, length: number): TypedArrayOf[D] =>
  new arrays[dtype](length) as TypedArrayOf[D];

export const isFloat = (dtype: DType): dtype is FloatDType => dtype === "f32" || dtype === "f64";
export const isHalf = (dtype: DType): dtype is "f16" | "bf16" => dtype === "f16" || dtype === "bf16";
