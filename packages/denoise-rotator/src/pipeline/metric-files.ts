import { join } from "node:path";
import { createSafetensors, openSafetensors } from "@denoise-rotator/checkpoint";
import { fileSource } from "@denoise-rotator/hub";
import type { MetricArrays, NamedArray } from "@denoise-rotator/rotator";

const fileOf = (folder: string, block: number) => join(folder, `block-${block}.safetensors`);

/** Writes the metrics of a block to a file of its own, in f32. */
export const writeMetrics = (folder: string, block: number, arrays: MetricArrays): Promise<void> =>
  writeArrays(fileOf(folder, block), arrays);

/** Reads what {@link writeMetrics} wrote. */
export const readMetrics = (folder: string, block: number): Promise<MetricArrays> =>
  readArrays(fileOf(folder, block));

/** Writes arrays to a safetensors file in f32, which appears whole or not at all. */
export async function writeArrays(
  path: string,
  arrays: Readonly<Partial<Record<string, NamedArray>>>,
): Promise<void> {
  const named = Object.entries(arrays) as [string, NamedArray][];
  const entries = named.map(([name, { shape }]) => ({ name, dtype: "f32" as const, shape }));
  await using writer = await createSafetensors(path, entries);
  for (const [name, { data }] of named) await writer.write(name, data);
  await writer.finish();
}

/** Reads what {@link writeArrays} wrote. */
export async function readArrays(path: string): Promise<Record<string, NamedArray>> {
  await using file = await openSafetensors(await fileSource(path));
  const arrays: [string, NamedArray][] = [];
  for (const [name, { shape }] of file.tensors) {
    arrays.push([name, { shape, data: await file.readFloat32(name) }]);
  }
  return Object.fromEntries(arrays);
}
