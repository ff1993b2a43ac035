import { type DeviceBuffer, type DType, isContiguous, type Operand, sizeOf } from "@denoise-rotator/core";
import type { DeviceArray } from "../device/device.js";

/**
 * How bytes are held on the device, which has nothing but floats: `f32` a float per four bytes, `bool` a float for each
 * byte.
 */
export type Kind = "f32" | "bool";

/** The kind that holds `dtype`; other dtypes stay on the host, since a float is exact for integers up to 2^24 only. */
export const kindOf = (dtype: DType): Kind | undefined =>
  dtype === "f32" || dtype === "bool" ? dtype : undefined;

/** Bytes that are on the host or on the device, never both; on neither while they are unspecified. */
export interface GpujsBuffer {
  readonly byteLength: number;
  host: DeviceBuffer | undefined;
  device: { readonly kind: Kind; readonly array: DeviceArray } | undefined;
  /** Why there is nothing to read. */
  error: unknown;
  freed: boolean;
}

export const bufferOf = (operand: Operand): GpujsBuffer => operand.buffer as GpujsBuffer;

const widths: Record<Kind, number> = { f32: 4, bool: 1 };
export const lengthOf = ({ byteLength }: GpujsBuffer, kind: Kind): number => byteLength / widths[kind];

/** Whether the operand is its whole buffer in order. */
export function coversBuffer(operand: Operand): boolean {
  const kind = kindOf(operand.dtype);
  return (
    kind !== undefined &&
    operand.offset === 0 &&
    sizeOf(operand.shape) === lengthOf(bufferOf(operand), kind) &&
    isContiguous(operand.shape, operand.strides)
  );
}
