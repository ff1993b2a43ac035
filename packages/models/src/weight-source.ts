import type { Checkpoint, DecoderConfig } from "@denoise-rotator/checkpoint";
import { type Backend, fromTyped, type Tensor } from "@denoise-rotator/core";
import type { DecoderFamily } from "./families/family.js";

/** Where weights come from and where they go. */
export interface WeightSource {
  readonly checkpoint: Checkpoint;
  readonly config: DecoderConfig;
  readonly family: DecoderFamily;
  readonly device: Backend;
  /** Whether forward passes keep 2:4 weights packed. */
  readonly sparse: boolean;
}

/** Reads a tensor onto the device in f32. NaN and infinity are errors naming the tensor. The caller disposes. */
export async function loadTensor({ checkpoint, device }: WeightSource, name: string): Promise<Tensor> {
  return fromTyped(await checkpoint.readFloat32(name), checkpoint.shape(name), "f32", device);
}
