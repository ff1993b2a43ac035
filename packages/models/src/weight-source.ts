import type { Checkpoint, DecoderConfig } from "@denoise-rotator/checkpoint";
import { type Backend, copyInto, fromTyped, Tensor } from "@denoise-rotator/core";
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

/** Elements of a tensor on the host at once. */
const pieceElements = 2 ** 22;

/**
 * Reads a tensor onto the device in f32, of a large matrix some rows at a time. NaN and infinity are errors naming the tensor.
 * The caller disposes.
 */
export async function loadTensor({ checkpoint, device }: WeightSource, name: string): Promise<Tensor> {
  const shape = checkpoint.shape(name);
  const [rows, width] = shape as [number, number];
  if (shape.length !== 2 || rows * width <= pieceElements) {
    return fromTyped(await checkpoint.readFloat32(name), shape, "f32", device);
  }
  const x = Tensor.empty(device, shape, "f32");
  const step = Math.max(1, Math.floor(pieceElements / width));
  try {
    for (let begin = 0; begin < rows; begin += step) {
      const end = Math.min(rows, begin + step);
      using piece = fromTyped(
        await checkpoint.readRows(name, begin, end),
        [end - begin, width],
        "f32",
        device,
      );
      using place = x.slice([begin, end]);
      copyInto(place, piece);
    }
    return x;
  } catch (error) {
    x.dispose();
    throw error;
  }
}
