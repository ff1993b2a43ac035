import type { DeviceBuffer, Operand } from "../backend.js";
import { byteWidth, type TypedArray, typedView } from "../dtype.js";
import { BackendError } from "../errors.js";
import { fromBFloat16, fromFloat16, toBFloat16, toFloat16 } from "../half.js";
import { isContiguous, sizeOf } from "../shape.js";

/** What the cpu backend hands out: plain bytes, or nothing once freed. */
export interface HostBuffer {
  bytes: ArrayBuffer | undefined;
}

export function bytesOf(buffer: DeviceBuffer): ArrayBuffer {
  const { bytes } = buffer as HostBuffer;
  if (!bytes) throw new BackendError("cpu: buffer used after it was freed");
  return bytes;
}

/** The whole buffer behind an operand as elements of its dtype. */
export function elementsOf({ buffer, dtype }: Operand): TypedArray {
  const bytes = bytesOf(buffer);
  return typedView(dtype, bytes, 0, Math.floor(bytes.byteLength / byteWidth(dtype)));
}

/** Positions of an operand's elements in row-major order. */
export function positionsOf({
  shape,
  strides,
  offset,
}: Pick<Operand, "shape" | "strides" | "offset">): Int32Array {
  const positions = new Int32Array(sizeOf(shape));
  if (positions.length === 0) return positions;
  const index = new Array<number>(shape.length).fill(0);
  let at = offset;
  for (let i = 0; i < positions.length; i++) {
    positions[i] = at;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      at -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return positions;
}

/** The elements as f64 in row-major order: every kernel computes on these. */
export function load(x: Operand): Float64Array {
  const source = elementsOf(x);
  const size = sizeOf(x.shape);
  const out = new Float64Array(size);
  const half = x.dtype === "f16" ? fromFloat16 : x.dtype === "bf16" ? fromBFloat16 : undefined;
  if (isContiguous(x.shape, x.strides) && !half) {
    out.set(source.subarray(x.offset, x.offset + size));
    return out;
  }
  const positions = positionsOf(x);
  for (let i = 0; i < size; i++) out[i] = source[positions[i]!]!;
  if (half) for (let i = 0; i < size; i++) out[i] = half(out[i]!);
  return out;
}

/** Rounds values to the dtype and stores them in row-major order. Floats to i32 truncate and saturate, NaN is 0. */
export function store(out: Operand, values: Float64Array): void {
  const target = elementsOf(out);
  const convert = conversion(out);
  const positions = isContiguous(out.shape, out.strides) ? undefined : positionsOf(out);
  for (let i = 0; i < values.length; i++) {
    target[positions ? positions[i]! : out.offset + i] = convert ? convert(values[i]!) : values[i]!;
  }
}

function conversion({ dtype }: Operand): ((value: number) => number) | undefined {
  switch (dtype) {
    case "bool":
      return (value) => (value !== 0 ? 1 : 0);
    case "i32":
      return (value) => (Math.abs(value) < 2 ** 31 ? value : saturate(value));
    case "f16":
      return toFloat16;
    case "bf16":
      return toBFloat16;
    default:
      return undefined;
  }
}
const saturate = (value: number) => (value > 0 ? 2 ** 31 - 1 : value < 0 ? -(2 ** 31) : 0);
