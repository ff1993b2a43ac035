import { contiguousStrides, type DeviceBuffer, type Operand, sizeOf } from "@denoise-rotator/core";
import type { DeviceArray } from "../device/device.js";
import { bufferOf, coversBuffer, type GpujsBuffer, kindOf, lengthOf } from "../memory/buffer.js";
import { type Memory, toBytes, toFloats } from "../memory/memory.js";
import { copySource } from "../sources/elementwise.js";
import { placeSource } from "../sources/place.js";
import { atLeastOne, collapse, walkArguments } from "./axes.js";

/** An operand of the host's kernels, and what brings its result back. */
interface Borrowed {
  readonly operand: Operand;
  giveBack(): Promise<void>;
}

/** Operands on their way between contract, device and host. */
export class Executor {
  readonly memory: Memory;

  constructor(memory: Memory) {
    this.memory = memory;
  }

  /** Whether the device can take these operands: floats and bools of buffers that fit. */
  takes(...operands: readonly Operand[]): boolean {
    return operands.every((operand) => {
      const kind = kindOf(operand.dtype);
      return kind !== undefined && this.memory.fits(bufferOf(operand), kind);
    });
  }

  /** The array an operand is a window of. */
  array(operand: Operand): Promise<DeviceArray> {
    return this.memory.toDevice(bufferOf(operand), kindOf(operand.dtype)!);
  }

  /** Stores `result`, contiguous, as `out`, and takes it over. */
  async store(out: Operand, result: DeviceArray): Promise<void> {
    if (coversBuffer(out)) return this.memory.assign(bufferOf(out), kindOf(out.dtype)!, result);
    try {
      await this.place(out, result, 0, contiguousStrides(out.shape));
    } finally {
      this.memory.device.release(result);
    }
  }

  /** Stores the elements of `x` from `start` on, `strides` apart, as the window `out`: the rest stays as it is. */
  async place(out: Operand, x: DeviceArray, start: number, strides: readonly number[]): Promise<void> {
    const axes = collapse(out.shape, [out.strides, strides]);
    const order = axes.shape
      .map((dim, i) => ({ dim, stride: axes.strides[0]![i]!, step: axes.strides[1]![i]! }))
      .sort((a, b) => b.stride - a.stride);
    if (!isNested(order)) return this.#placeOnHost(out, x, start, strides);
    const buffer = bufferOf(out);
    const kind = kindOf(out.dtype)!;
    const old = await this.memory.toDevice(buffer, kind);
    const args: Record<string, DeviceArray | number> = { old, x, start: out.offset, xStart: start };
    for (const [i, { dim, stride, step }] of order.entries()) {
      Object.assign(args, { [`dim${i}`]: dim, [`stride${i}`]: stride, [`step${i}`]: step });
    }
    const whole = await this.memory.device.run(placeSource(order.length), args, lengthOf(buffer, kind));
    this.memory.assign(buffer, kind, whole);
  }

  /** Windows whose axes interleave, which no division takes apart. */
  async #placeOnHost(out: Operand, x: DeviceArray, start: number, strides: readonly number[]): Promise<void> {
    const { host, device } = this.memory;
    const bytes = toBytes(await device.download(x), kindOf(out.dtype)!);
    const source = host.allocate(bytes.length);
    host.write(source, 0, bytes);
    const target = await this.memory.toHost(bufferOf(out));
    host.kernels.copy({ ...out, buffer: source, strides, offset: start }, { ...out, buffer: target });
    host.free(source);
  }

  /** A contiguous copy of an operand on the device. */
  async compact(x: Operand): Promise<DeviceArray> {
    const axes = atLeastOne(collapse(x.shape, [x.strides]));
    const args = { xValues: await this.array(x), ...walkArguments(axes, ["x"], [x.offset]) };
    return this.memory.device.run(copySource(axes.shape.length), args, sizeOf(x.shape));
  }

  /**
   * Runs one of the cpu backend's kernels. Only the windows in question come from the device and go back to it.
   * `updated` operands are read and written, `written` ones written only.
   */
  async onHost(
    operands: {
      readonly read?: readonly Operand[];
      readonly updated?: readonly Operand[];
      readonly written?: readonly Operand[];
    },
    call: (read: readonly Operand[], changed: readonly Operand[]) => void,
  ): Promise<void> {
    const { read = [], updated = [], written = [] } = operands;
    const temporary: DeviceBuffer[] = [];
    try {
      const inputs: Operand[] = [];
      for (const x of read) inputs.push((await this.#borrow(x, true, temporary)).operand);
      const outs: Borrowed[] = [];
      for (const x of updated) outs.push(await this.#borrow(x, true, temporary));
      for (const x of written) outs.push(await this.#borrow(x, false, temporary));
      call(
        inputs,
        outs.map(({ operand }) => operand),
      );
      for (const out of outs) await out.giveBack();
    } finally {
      for (const buffer of temporary) this.memory.host.free(buffer);
    }
  }

  async #borrow(x: Operand, filled: boolean, temporary: DeviceBuffer[]): Promise<Borrowed> {
    const buffer = bufferOf(x);
    const kind = kindOf(x.dtype);
    const stays = buffer.device === undefined || buffer.device.kind !== kind || (!filled && coversBuffer(x));
    if (stays) {
      if (!filled && coversBuffer(x)) this.memory.release(buffer);
      const host = await this.memory.toHost(buffer);
      return { operand: { ...x, buffer: host }, async giveBack() {} };
    }
    const { host } = this.memory;
    const bytes = filled
      ? await this.readWindow(x)
      : new Uint8Array(sizeOf(x.shape) * (kind === "f32" ? 4 : 1));
    const copy = host.allocate(bytes.length);
    temporary.push(copy);
    host.write(copy, 0, bytes);
    const operand = { ...x, buffer: copy, strides: contiguousStrides(x.shape), offset: 0 };
    const giveBack = async () => {
      if (bytes.length === 0) return;
      const values = toFloats(host.readSync!(copy, 0, bytes.length), kind!);
      await this.store(x, this.memory.device.upload(values));
    };
    return { operand, giveBack };
  }

  /** The bytes of a window of a buffer on the device, row-major. */
  async readWindow(x: Operand): Promise<Uint8Array> {
    const { device } = this.memory;
    const kind = kindOf(x.dtype)!;
    if (sizeOf(x.shape) === 0) return new Uint8Array(0);
    if (coversBuffer(x)) return toBytes(await device.download(await this.array(x)), kind);
    const part = await this.compact(x);
    try {
      return toBytes(await device.download(part), kind);
    } finally {
      device.release(part);
    }
  }

  /** Bytes of a buffer, wherever it is. */
  async read(buffer: GpujsBuffer, byteOffset: number, byteLength: number): Promise<Uint8Array> {
    if (!buffer.device) {
      const host = await this.memory.toHost(buffer);
      return this.memory.host.readSync!(host, byteOffset, byteLength);
    }
    const { kind, array } = buffer.device;
    const width = kind === "f32" ? 4 : 1;
    const aligned = byteOffset % width === 0 && byteLength % width === 0;
    if (aligned && byteLength > 0 && byteLength * 4 <= buffer.byteLength) {
      const shape = [byteLength / width];
      return this.readWindow({ buffer, dtype: kind, shape, strides: [1], offset: byteOffset / width });
    }
    return toBytes(await this.memory.device.download(array), kind).slice(byteOffset, byteOffset + byteLength);
  }
}

/** Whether every axis, the largest stride first, is at least as long as all that those after it span. */
function isNested(axes: readonly { readonly dim: number; readonly stride: number }[]): boolean {
  let span = 1;
  for (const { dim, stride } of [...axes].reverse()) {
    if (stride < span) return false;
    span += (dim - 1) * stride;
  }
  return true;
}
