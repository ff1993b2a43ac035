import {
  type Backend,
  byteWidth,
  contiguousStrides,
  cpu,
  type DeviceBuffer,
  type DType,
  isFloat,
  type Kernels,
  type Operand,
  sizeOf,
} from "@denoise-rotator/core";
import { ConformanceError } from "./compare.js";
import {
  decode,
  encode,
  type HostOperand,
  type Layout,
  poison,
  positionsOf,
  valuesOf,
} from "./host-operand.js";

/** Where a kernel writes: a buffer of unspecified contents, or what is there before. */
export type Destination = HostOperand | { readonly dtype: DType; readonly layout: Layout };

/** One call of a kernel. */
export interface KernelCall {
  readonly inputs: readonly HostOperand[];
  readonly outs: readonly Destination[];
  invoke(kernels: Kernels, inputs: readonly Operand[], outs: readonly Operand[]): void;
}

const isFilled = (out: Destination): out is HostOperand => "elements" in out;

/** Runs the call on `backend`: the values of `outs`, row-major. Throws if anything beside them changed. */
export async function execute(backend: Backend, call: KernelCall): Promise<Float64Array[]> {
  const buffers: DeviceBuffer[] = [];
  const put = (bytes: Uint8Array, { dtype, layout }: Destination): Operand => {
    const buffer = backend.allocate(bytes.length);
    buffers.push(buffer);
    backend.write(buffer, 0, bytes);
    const { shape, strides, offset } = layout;
    return { buffer, dtype, shape, strides, offset };
  };
  try {
    const inputBytes = call.inputs.map(({ dtype, elements }) => encode(dtype, elements));
    const outBytes = call.outs.map((out) =>
      isFilled(out)
        ? encode(out.dtype, out.elements)
        : new Uint8Array(out.layout.length * byteWidth(out.dtype)).fill(poison(out.dtype)),
    );
    const inputs = call.inputs.map((input, i) => put(inputBytes[i]!, input));
    const outs = call.outs.map((out, i) => put(outBytes[i]!, out));
    call.invoke(backend.kernels, inputs, outs);
    for (const [i, { buffer }] of inputs.entries()) {
      const after = await backend.read(buffer, 0, inputBytes[i]!.length);
      expectUnchanged(inputBytes[i]!, after, () => true, `input ${i}`);
    }
    const results: Float64Array[] = [];
    for (const [i, { dtype, layout }] of call.outs.entries()) {
      const after = await backend.read(outs[i]!.buffer, 0, outBytes[i]!.length);
      const positions = positionsOf(layout);
      const inside = new Set(positions);
      const width = byteWidth(dtype);
      const outside = (byte: number) => !inside.has(Math.floor(byte / width));
      expectUnchanged(outBytes[i]!, after, outside, `the buffer of output ${i}`);
      const values = decode(dtype, after);
      results.push(Float64Array.from(positions, (position) => values[position]!));
    }
    return results;
  } finally {
    for (const buffer of buffers) backend.free(buffer);
  }
}

function expectUnchanged(
  before: Uint8Array,
  after: Uint8Array,
  where: (byte: number) => boolean,
  what: string,
): void {
  for (let byte = 0; byte < before.length; byte++) {
    if (before[byte] !== after[byte] && where(byte)) {
      throw new ConformanceError(`${what} changed at byte ${byte}, which the kernel must not write`);
    }
  }
}

/** The same call with contiguous operands; `widen` stores floats in f64. */
function plain(call: KernelCall, widen: boolean): KernelCall {
  const wide = (dtype: DType): DType => (widen && isFloat(dtype) ? "f64" : dtype);
  const dense = ({ layout: { shape } }: Destination): Layout => ({
    shape,
    strides: contiguousStrides(shape),
    offset: 0,
    length: sizeOf(shape),
  });
  const lift = (x: HostOperand): HostOperand => ({
    dtype: wide(x.dtype),
    layout: dense(x),
    elements: valuesOf(x),
  });
  return {
    ...call,
    inputs: call.inputs.map(lift),
    outs: call.outs.map((out) =>
      isFilled(out) ? lift(out) : { dtype: wide(out.dtype), layout: dense(out) },
    ),
  };
}

/** What the call gives on the cpu backend: floats in f64 (as they are, unless `widen`), contiguous. */
export const expectedResults = (call: KernelCall, { widen = true } = {}): Promise<Float64Array[]> =>
  execute(cpu, plain(call, widen));
