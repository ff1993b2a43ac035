import { createSafetensors, openSafetensors } from "@denoise-rotator/checkpoint";
import type { RotationPair } from "@denoise-rotator/contracts";
import { type Backend, fromTyped, OptionError } from "@denoise-rotator/core";
import { fileSource } from "@denoise-rotator/hub";

/** R1 and R2 of one block on the host. */
export interface StoredRotation {
  readonly R1: { readonly shape: readonly number[]; readonly values: Float32Array };
  readonly R2: { readonly shape: readonly number[]; readonly values: Float32Array };
}

export async function storeRotation(pair: RotationPair): Promise<StoredRotation> {
  const keep = async (x: RotationPair["R1"]) => ({
    shape: x.shape,
    values: (await x.read()) as Float32Array,
  });
  return { R1: await keep(pair.R1), R2: await keep(pair.R2) };
}

export function restoreRotation({ R1, R2 }: StoredRotation, device: Backend): RotationPair {
  return {
    R1: fromTyped(R1.values, R1.shape, "f32", device),
    R2: fromTyped(R2.values, R2.shape, "f32", device),
  };
}

/** Writes rotations by block index as safetensors: `block.<index>.R1` `[hidden, hidden]`, `.R2` `[kv, dim, dim]`, f32. */
export async function saveRotations(
  path: string,
  rotations: ReadonlyMap<number, StoredRotation>,
): Promise<void> {
  const named = [...rotations].flatMap(([index, { R1, R2 }]) => [
    { name: `block.${index}.R1`, ...R1 },
    { name: `block.${index}.R2`, ...R2 },
  ]);
  const entries = named.map(({ name, shape }) => ({ name, dtype: "f32" as const, shape }));
  await using writer = await createSafetensors(path, entries, {
    metadata: { format: "denoise-rotator-rotation" },
  });
  for (const { name, values } of named) await writer.write(name, values);
  await writer.finish();
}

/** Reads what {@link saveRotations} wrote. Throws {@link OptionError} where the file holds no rotations. */
export async function loadRotations(path: string): Promise<Map<number, StoredRotation>> {
  await using file = await openSafetensors(await fileSource(path));
  const rotations = new Map<number, StoredRotation>();
  for (const name of file.tensors.keys()) {
    const match = /^block\.(\d+)\.R1$/.exec(name);
    if (!match) continue;
    const read = async (part: "R1" | "R2") => {
      const tensor = `block.${match[1]}.${part}`;
      return { shape: file.tensors.get(tensor)?.shape ?? [], values: await file.readFloat32(tensor) };
    };
    rotations.set(Number(match[1]), { R1: await read("R1"), R2: await read("R2") });
  }
  if (rotations.size === 0)
    throw new OptionError(`--rotation ${path}: holds no tensors named block.<index>.R1`);
  return rotations;
}
