import { createSafetensors, openSafetensors } from "@denoise-rotator/checkpoint";
import { OptionError } from "@denoise-rotator/core";
import { fileSource } from "@denoise-rotator/hub";
import type { RotationArrays } from "@denoise-rotator/rotator";

/** Writes rotations by block index as safetensors: `block.<index>.R1` `[hidden, hidden]`, `.R2` `[kv, dim, dim]`, f32. */
export async function saveRotations(
  path: string,
  rotations: ReadonlyMap<number, RotationArrays>,
): Promise<void> {
  const named = [...rotations].flatMap(([index, { R1, R2 }]) => [
    { name: `block.${index}.R1`, ...R1 },
    { name: `block.${index}.R2`, ...R2 },
  ]);
  const entries = named.map(({ name, shape }) => ({ name, dtype: "f32" as const, shape }));
  await using writer = await createSafetensors(path, entries, {
    metadata: { format: "denoise-rotator-rotation" },
  });
  for (const { name, data } of named) await writer.write(name, data);
  await writer.finish();
}

/** Reads what {@link saveRotations} wrote. Throws {@link OptionError} where the file holds no rotations. */
export async function loadRotations(path: string): Promise<Map<number, RotationArrays>> {
  await using file = await openSafetensors(await fileSource(path));
  const rotations = new Map<number, RotationArrays>();
  for (const name of file.tensors.keys()) {
    const match = /^block\.(\d+)\.R1$/.exec(name);
    if (!match) continue;
    const read = async (part: "R1" | "R2") => {
      const tensor = `block.${match[1]}.${part}`;
      return { shape: file.tensors.get(tensor)?.shape ?? [], data: await file.readFloat32(tensor) };
    };
    rotations.set(Number(match[1]), { R1: await read("R1"), R2: await read("R2") });
  }
  if (rotations.size === 0)
    throw new OptionError(`--rotation ${path}: holds no tensors named block.<index>.R1`);
  return rotations;
}
