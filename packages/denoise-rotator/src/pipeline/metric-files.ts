import { join } from "node:path";
import { createSafetensors, openSafetensors } from "@denoise-rotator/checkpoint";
import { fileSource } from "@denoise-rotator/hub";
import type { MetricArrays, NamedArray } from "@denoise-rotator/rotator";

const fileOf = (folder: string, block: number) => join(folder, `block-${block}.safetensors`);

/** Writes the metrics of a block to a file of its own, in f32. */
export async function writeMetrics(folder: string, block: number, arrays: MetricArrays): Promise<void> {
  const named = Object.entries(arrays) as [string, NamedArray][];
  const entries = named.map(([name, { shape }]) => ({ name, dtype: "f32" as const, shape }));
  await using writer = await createSafetensors(fileOf(folder, block), entries);
  for (const [name, { data }] of named) await writer.write(name, data);
  await writer.finish();
}

/** Reads what {@link writeMetrics} wrote. */
export async function readMetrics(folder: string, block: number): Promise<MetricArrays> {
  await using file = await openSafetensors(await fileSource(fileOf(folder, block)));
  const arrays: [string, NamedArray][] = [];
  for (const [name, { shape }] of file.tensors) {
    arrays.push([name, { shape, data: await file.readFloat32(name) }]);
  }
  return Object.fromEntries(arrays);
}
