import { createCpuBackend, type DeviceBuffer } from "@denoise-rotator/core";
import type { Device, DeviceArray } from "../device/device.js";
import { fillArguments, fillSource } from "../sources/place.js";
import { type GpujsBuffer, type Kind, lengthOf } from "./buffer.js";

/** Where the bytes of buffers are, and their way from one place to the other. */
export class Memory {
  readonly device: Device;
  /** Keeps what is on the host, and computes there. */
  readonly host = createCpuBackend();

  constructor(device: Device) {
    this.device = device;
  }

  /** Whether the device can hold the buffer as `kind`. */
  fits(buffer: GpujsBuffer, kind: Kind): boolean {
    const length = lengthOf(buffer, kind);
    return Number.isInteger(length) && length > 0 && length <= this.device.maxLength;
  }

  /** The buffer on the device as `kind`; it must fit. The array stays the buffer's. */
  async toDevice(buffer: GpujsBuffer, kind: Kind): Promise<DeviceArray> {
    if (buffer.device?.kind === kind) return buffer.device.array;
    if (buffer.device) await this.toHost(buffer);
    const length = lengthOf(buffer, kind);
    const array = buffer.host
      ? this.device.upload(toFloats(this.bytesOf(buffer), kind))
      : await this.device.run(fillSource, fillArguments(0), length);
    this.assign(buffer, kind, array);
    return array;
  }

  /** The buffer on the host. */
  async toHost(buffer: GpujsBuffer): Promise<DeviceBuffer> {
    if (buffer.host) return buffer.host;
    const host = this.host.allocate(buffer.byteLength);
    if (buffer.device) {
      const { kind, array } = buffer.device;
      this.host.write(host, 0, toBytes(await this.device.download(array), kind));
    }
    this.release(buffer);
    buffer.host = host;
    return host;
  }

  /** Makes `array` the buffer's contents, and the buffer its owner. */
  assign(buffer: GpujsBuffer, kind: Kind, array: DeviceArray): void {
    this.release(buffer);
    buffer.device = { kind, array };
  }

  /** Bytes of a buffer that is on the host. */
  bytesOf(buffer: GpujsBuffer): Uint8Array {
    return this.host.readSync!(buffer.host!, 0, buffer.byteLength);
  }

  /** Drops the contents. */
  release(buffer: GpujsBuffer): void {
    if (buffer.host) this.host.free(buffer.host);
    if (buffer.device) this.device.release(buffer.device.array);
    buffer.host = undefined;
    buffer.device = undefined;
  }
}

export function toFloats(bytes: Uint8Array, kind: Kind): Float32Array {
  if (kind === "bool") return Float32Array.from(bytes);
  return new Float32Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength / 4);
}

export function toBytes(values: Float32Array, kind: Kind): Uint8Array {
  if (kind === "bool") return Uint8Array.from(values);
  return new Uint8Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength);
}
