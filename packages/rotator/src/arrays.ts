import type { DecoderBlock, RotationPair } from "@denoise-rotator/contracts";
import { formatShape, fromArray, sizeOf, type Tensor, toNumbers } from "@denoise-rotator/core";
import { checkRotation } from "./check-rotation.js";
import { RotationError } from "./errors.js";
import { type OwnedRotation, ownRotation, placement } from "./rotation.js";

/** A tensor on the host, row-major. */
export interface NamedArray {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Plain f32 arrays of a rotation, for files: names are `R1` and `R2`. */
export type RotationArrays = Readonly<Record<"R1" | "R2", NamedArray>>;

export async function rotationToArrays({ R1, R2 }: RotationPair): Promise<RotationArrays> {
  const array = async (x: Tensor) => ({ shape: [...x.shape], data: Float32Array.from(await toNumbers(x)) });
  return { R1: await array(R1), R2: await array(R2) };
}

/**
 * The rotation of `block` in such arrays, on the block's backend. The caller disposes.
 *
 * @throws RotationError naming what is missing, has the wrong shape for the block, or is not orthogonal; NonFiniteError
 * for NaN and infinity.
 */
export async function rotationFromArrays(
  arrays: Partial<RotationArrays>,
  block: DecoderBlock,
): Promise<OwnedRotation> {
  const found = (["R1", "R2"] as const).map((name) => {
    const array = arrays[name];
    if (!array) throw new RotationError(`${block.name}: the rotation has no ${name}`);
    if (array.data.length !== sizeOf(array.shape)) {
      throw new RotationError(
        `${block.name}: ${name} has ${array.data.length} values for shape ${formatShape(array.shape)}`,
      );
    }
    return array;
  });
  const [R1, R2] = found.map(({ data, shape }) => fromArray(data, shape, placement(block)));
  const rotation = ownRotation(R1!, R2!, {});
  try {
    await checkRotation(block, rotation);
    return rotation;
  } catch (error) {
    rotation.dispose();
    throw error;
  }
}
