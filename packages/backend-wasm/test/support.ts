import {
  type Backend,
  byteWidth,
  contiguousStrides,
  createCpuBackend,
  type DType,
  type Operand,
  sizeOf,
  toBFloat16,
  toFloat16,
  typedView,
} from "@denoise-rotator/core";
import { expect } from "vitest";

/** Deterministic numbers in [0, 1). */
export function uniform(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

export const normals = (count: number, seed = 1): number[] => {
  const next = uniform(seed);
  for (let i = 0; i < 8; i++) next();
  return Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(next() + 1e-12)) * Math.cos(6.2831853 * next()),
  );
};

export const awkward = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  1.5,
  2.5,
  -2.5,
  1e-45,
  -1e-40,
  1.1754943e-38,
  3.4028235e38,
  -3.4028235e38,
  1e30,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN,
];

/** A tensor to be made on any backend: values in row-major order of `shape`, laid out with permuted axes. */
export interface Given {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly values: readonly number[];
  /** Order in which axes lie in memory, slowest first; default row-major. */
  readonly layout?: readonly number[];
  /** Elements in front. */
  readonly offset?: number;
  /** Axes read with stride 0 (values are given for size 1 there). */
  readonly broadcast?: Readonly<Record<number, number>>;
}

export const f32 = (
  shape: readonly number[],
  values: readonly number[],
  more: Partial<Given> = {},
): Given => ({
  dtype: "f32",
  shape,
  values,
  ...more,
});

const encode = (dtype: DType, value: number): number =>
  dtype === "f16" ? toFloat16(value) : dtype === "bf16" ? toBFloat16(value) : value;

export function place(backend: Backend, given: Given): Operand {
  const { dtype, shape, values } = given;
  const order = given.layout ?? shape.map((_, axis) => axis);
  const packed = contiguousStrides(order.map((axis) => shape[axis]!));
  const strides = shape.map((_, axis) => packed[order.indexOf(axis)]!);
  const offset = given.offset ?? 0;
  const size = sizeOf(shape);
  const bytes = new Uint8Array((offset + size) * byteWidth(dtype));
  const view = typedView(dtype, bytes.buffer, 0, offset + size);
  const logical = contiguousStrides(shape);
  for (let i = 0; i < size; i++) {
    let at = offset;
    for (let axis = 0; axis < shape.length; axis++) {
      at += (Math.floor(i / logical[axis]!) % shape[axis]!) * strides[axis]!;
    }
    view[at] = encode(dtype, values[i]!);
  }
  const buffer = backend.allocate(bytes.byteLength);
  backend.write(buffer, 0, bytes);
  const expanded = given.broadcast ?? {};
  return {
    buffer,
    dtype,
    shape: shape.map((dim, axis) => expanded[axis] ?? dim),
    strides: strides.map((stride, axis) => (axis in expanded ? 0 : stride)),
    offset,
  };
}

/** Values of an operand in row-major order; 16-bit floats as bits. */
export function values(backend: Backend, x: Operand): number[] {
  const last = x.shape.reduce((end, dim, axis) => end + (dim - 1) * x.strides[axis]!, x.offset);
  if (sizeOf(x.shape) === 0) return [];
  const bytes = backend.readSync!(x.buffer, 0, (last + 1) * byteWidth(x.dtype));
  const view = typedView(x.dtype, bytes.buffer, 0, last + 1);
  const logical = contiguousStrides(x.shape);
  return Array.from({ length: sizeOf(x.shape) }, (_, i) => {
    let at = x.offset;
    for (let axis = 0; axis < x.shape.length; axis++) {
      at += (Math.floor(i / logical[axis]!) % x.shape[axis]!) * x.strides[axis]!;
    }
    return view[at]!;
  });
}

/** `out` prefilled with `filler`, contiguous. */
export const blank = (dtype: DType, shape: readonly number[], filler = 7): Given => ({
  dtype,
  shape,
  values: new Array<number>(sizeOf(shape)).fill(filler),
});

type Run = (backend: Backend, operands: readonly Operand[]) => void;

/** Runs the same kernel on the cpu backend and on `backend`; returns the last operand's values of both. */
export function both(backend: Backend, given: readonly Given[], run: Run, result = given.length - 1) {
  const results = [createCpuBackend(), backend].map((each) => {
    const before = each.capabilities.allocatedBytes();
    const operands = given.map((one) => place(each, one));
    run(each, operands);
    const found = values(each, operands[result]!);
    for (const operand of operands) each.free(operand.buffer);
    expect(each.capabilities.allocatedBytes()).toBe(before);
    return found;
  });
  return { expected: results[0]!, actual: results[1]! };
}

/** Equal within `relative`·|expected| + `absolute`; NaN, infinities and (where `signed`) zeros must match. */
export function expectClose(
  { expected, actual }: { expected: readonly number[]; actual: readonly number[] },
  { relative = 0, absolute = 0, signed = false } = {},
): void {
  expect(actual.length).toBe(expected.length);
  for (const [i, want] of expected.entries()) {
    const got = actual[i]!;
    const same = Object.is(got, want) || (got === want && !signed);
    const near = Number.isFinite(want) && Math.abs(got - want) <= relative * Math.abs(want) + absolute;
    if (!same && !near) expect.fail(`element ${i}: expected ${want}, got ${got}`);
  }
}
