import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { openSafetensors } from "@denoise-rotator/checkpoint";
import { fileSource } from "@denoise-rotator/hub";

export const goldenDirectory = (name: string) =>
  fileURLToPath(new URL(`../../../goldens/${name}`, import.meta.url));

/** What transformers computed for a golden checkpoint. */
export async function readGolden(name: string) {
  const directory = goldenDirectory(name);
  const { tensors } = JSON.parse(await readFile(`${directory}/golden.json`, "utf8")) as {
    tensors: Record<string, number[]>;
  };
  await using file = await openSafetensors(await fileSource(`${directory}/golden.safetensors`));
  const values: Record<string, Float32Array> = {};
  for (const key of Object.keys(tensors)) values[key] = await file.readFloat32(key);
  const [count, length] = tensors.input_ids as [number, number];
  const ids = Int32Array.from(values.input_ids!);
  const windows = Array.from({ length: count }, (_, i) => ids.slice(i * length, (i + 1) * length));
  return { directory, windows, values };
}

/** max |a − b| / max |b|. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`lengths ${a.length} and ${b.length}`);
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < b.length; i++) {
    const distance = Math.abs(a[i]! - b[i]!);
    if (!(distance <= difference)) difference = distance;
    largest = Math.max(largest, Math.abs(b[i]!));
  }
  return difference / largest;
}
