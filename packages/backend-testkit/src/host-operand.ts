import {
  byteWidth,
  type DType,
  decodeBFloat16,
  decodeFloat16,
  encodeBFloat16,
  encodeFloat16,
  fromBFloat16,
  fromFloat16,
  type Shape,
  sizeOf,
  type TypedArray,
  toBFloat16,
  toFloat16,
  typedView,
} from "@denoise-rotator/core";

/** Where an operand's elements lie in its buffer of `length` elements. Strides and offset count elements. */
export interface Layout {
  readonly shape: Shape;
  readonly strides: readonly number[];
  readonly offset: number;
  readonly length: number;
}

/** An operand whose whole buffer is known on the host; elements outside the layout are filled with {@link poison}. */
export interface HostOperand {
  readonly dtype: DType;
  readonly layout: Layout;
  /** One number per element of the buffer, each representable in `dtype`. */
  readonly elements: Float64Array;
}

/** Buffer positions of a layout's elements in row-major order. */
export function positionsOf({ shape, strides, offset }: Layout): Int32Array {
  const positions = new Int32Array(sizeOf(shape));
  for (let i = 0; i < positions.length; i++) {
    let rest = i;
    let position = offset;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      position += (rest % shape[axis]!) * strides[axis]!;
      rest = Math.floor(rest / shape[axis]!);
    }
    positions[i] = position;
  }
  return positions;
}

/** The operand's elements in row-major order. */
export const valuesOf = ({ layout, elements }: HostOperand): Float64Array =>
  Float64Array.from(positionsOf(layout), (position) => elements[position]!);

/** The value a `dtype` stores for `value`; i32 expects an integer in range. */
export function roundTo(dtype: DType, value: number): number {
  if (dtype === "f32") return Math.fround(value);
  if (dtype === "f16") return fromFloat16(toFloat16(value));
  if (dtype === "bf16") return fromBFloat16(toBFloat16(value));
  return value;
}

/** An operand with `next()` at the places of its layout. */
export function hostOperand(dtype: DType, layout: Layout, next: () => number): HostOperand {
  const elements = new Float64Array(layout.length).fill(poisonValue(dtype));
  for (const position of new Set(positionsOf(layout))) elements[position] = roundTo(dtype, next());
  return { dtype, layout, elements };
}

/** A byte that makes stray reads show: NaN in every float, a huge i32, a bool that is neither 0 nor 1. */
export const poison = (dtype: DType): number => (dtype === "i32" ? 0x7f : 0xff);

const poisonValue = (dtype: DType): number =>
  decode(dtype, new Uint8Array(byteWidth(dtype)).fill(poison(dtype)))[0]!;

/** The bytes a buffer holds for `elements`. */
export function encode(dtype: DType, elements: Float64Array): Uint8Array {
  const typed = encodeTyped(dtype, elements);
  return new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength);
}

function encodeTyped(dtype: DType, elements: Float64Array): TypedArray {
  switch (dtype) {
    case "f16":
      return encodeFloat16(elements);
    case "bf16":
      return encodeBFloat16(elements);
    case "f32":
      return Float32Array.from(elements);
    case "i32":
      return Int32Array.from(elements);
    case "bool":
      return Uint8Array.from(elements);
    case "f64":
      return Float64Array.from(elements);
  }
}

/** The numbers `bytes` hold. */
export function decode(dtype: DType, bytes: Uint8Array): Float64Array {
  const aligned = bytes.slice();
  const typed = typedView(dtype, aligned.buffer, 0, aligned.byteLength / byteWidth(dtype));
  if (dtype === "f16") return Float64Array.from(decodeFloat16(typed as Uint16Array));
  if (dtype === "bf16") return Float64Array.from(decodeBFloat16(typed as Uint16Array));
  return Float64Array.from(typed);
}
