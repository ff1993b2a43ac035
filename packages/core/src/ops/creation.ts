import type { Backend } from "../backend.js";
import { defaultBackend } from "../default-backend.js";
import { allocateTyped, byteWidth, type DType, type TypedArray } from "../dtype.js";
import { DTypeError, OptionError, ShapeError } from "../errors.js";
import { encodeBFloat16, encodeFloat16 } from "../half.js";
import { formatShape, type Shape, sizeOf } from "../shape.js";
import { Tensor } from "../tensor.js";

export interface CreationOptions {
  /** Default: f32 (bool for booleans in {@link tensor}). */
  readonly dtype?: DType;
  /** Default: {@link defaultBackend}. */
  readonly backend?: Backend;
}

export type NestedNumbers = number | boolean | readonly NestedNumbers[];

/** A tensor from nested arrays: `tensor([[1, 2], [3, 4]])`. Ragged arrays throw {@link ShapeError}. */
export function tensor(data: NestedNumbers, options: CreationOptions = {}): Tensor {
  const shape: number[] = [];
  for (let level: NestedNumbers = data; Array.isArray(level); level = level[0] ?? 0) shape.push(level.length);
  const flat: (number | boolean)[] = [];
  flatten(data, shape, 0, flat);
  const dtype =
    options.dtype ?? (flat.length > 0 && flat.every((x) => typeof x === "boolean") ? "bool" : "f32");
  return fromArray(flat.map(Number), shape, { ...options, dtype });
}

function flatten(data: NestedNumbers, shape: Shape, depth: number, into: (number | boolean)[]): void {
  if (!Array.isArray(data)) {
    if (depth !== shape.length) throw new ShapeError("tensor: nested arrays are ragged");
    into.push(data as number | boolean);
    return;
  }
  if (data.length !== shape[depth]) throw new ShapeError("tensor: nested arrays are ragged");
  for (const item of data) flatten(item, shape, depth + 1, into);
}

/** A tensor from `shape`'s elements in row-major order, converted to `dtype` (f16 and bf16: rounded to nearest even). */
export function fromArray(values: ArrayLike<number>, shape: Shape, options: CreationOptions = {}): Tensor {
  const dtype = options.dtype ?? "f32";
  if (dtype === "f16") return fromTyped(encodeFloat16(values), shape, "f16", options.backend);
  if (dtype === "bf16") return fromTyped(encodeBFloat16(values), shape, "bf16", options.backend);
  const array = allocateTyped(dtype, values.length);
  if (dtype === "bool") for (let i = 0; i < array.length; i++) array[i] = values[i] ? 1 : 0;
  else array.set(values);
  return fromTyped(array, shape, dtype, options.backend);
}

/** A tensor from a typed array that holds `dtype` as it is stored (16-bit floats as bits); the bytes are copied. */
export function fromTyped(
  values: TypedArray,
  shape: Shape,
  dtype: DType,
  backend = defaultBackend(),
): Tensor {
  if (values.length !== sizeOf(shape)) {
    throw new ShapeError(`fromTyped: ${values.length} values do not fill ${formatShape(shape)}`);
  }
  if (values.BYTES_PER_ELEMENT !== byteWidth(dtype)) {
    throw new DTypeError(`fromTyped: ${values.constructor.name} does not hold ${dtype}`);
  }
  const out = Tensor.empty(backend, shape, dtype);
  backend.write(out.operand.buffer, 0, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  return out;
}

/** Every element is `value`. */
export function full(shape: Shape, value: number, options: CreationOptions = {}): Tensor {
  for (const dim of shape) {
    if (!Number.isSafeInteger(dim) || dim < 0)
      throw new ShapeError(`full: ${formatShape(shape)} is not a shape`);
  }
  const backend = options.backend ?? defaultBackend();
  const out = Tensor.empty(backend, shape, options.dtype ?? "f32");
  backend.kernels.fill(out.operand, value);
  return out;
}

export const zeros = (shape: Shape, options: CreationOptions = {}): Tensor => full(shape, 0, options);
export const ones = (shape: Shape, options: CreationOptions = {}): Tensor => full(shape, 1, options);

/** The identity matrix `[n, n]`. */
export function eye(n: number, options: CreationOptions = {}): Tensor {
  const out = zeros([n, n], options);
  const diagonal = { ...out.operand, shape: [n], strides: [n + 1] };
  out.backend.kernels.fill(diagonal, 1);
  return out;
}

/** `start, start + step, …` below `stop` (above it for negative steps). Default dtype i32. */
export function arange(
  stop: number,
  options: CreationOptions & { start?: number; step?: number } = {},
): Tensor {
  const { start = 0, step = 1, dtype = "i32" } = options;
  if (step === 0) throw new OptionError("arange: step is 0");
  const length = Math.max(0, Math.ceil((stop - start) / step));
  const values = Float64Array.from({ length }, (_, i) => start + i * step);
  return fromArray(values, [length], { ...options, dtype });
}
