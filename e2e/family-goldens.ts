import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openSafetensors } from "@denoise-rotator/checkpoint";
import { fileSource } from "@denoise-rotator/hub";

const goldens = fileURLToPath(new URL("../goldens", import.meta.url));

/** Checkpoints of `goldens/families`: every family by every rotary scaling. */
export const familyGoldens: readonly string[] = [
  "smollm2",
  ...["llama", "qwen2", "qwen3", "mistral"].flatMap((family) =>
    ["default", "linear", "dynamic", "llama3", "yarn"].map((rope) => `${family}-${rope}`),
  ),
];

/** Of these, one of every family with as many of its switches as one can have. */
export const prunedGoldens: readonly string[] = [
  ...["smollm2", "llama-yarn", "qwen2-dynamic", "qwen3-yarn", "mistral-default"],
];

export const goldenDirectory = (name: string) => join(goldens, "families", name);

/** Tensors of a golden file by name. */
export async function goldenTensors(path: string): Promise<Record<string, Float32Array>> {
  const file = join(goldens, path, "golden.safetensors");
  const { tensors } = JSON.parse(await readFile(join(goldens, path, "golden.json"), "utf8"));
  await using source = await openSafetensors(await fileSource(file));
  const values: Record<string, Float32Array> = {};
  for (const name of Object.keys(tensors)) values[name] = await source.readFloat32(name);
  return values;
}

/** The two windows that the golden values of a family's checkpoint are of. */
export async function goldenWindows(name: string): Promise<Int32Array[]> {
  const ids = Int32Array.from((await goldenTensors(`families/${name}`)).input_ids!);
  const length = ids.length / 2;
  return [ids.slice(0, length), ids.slice(length)];
}

/** SHA-256 of every file of a directory. */
export async function hashes(directory: string): Promise<Record<string, string>> {
  const names = (await readdir(directory)).sort();
  const digest = async (name: string) =>
    createHash("sha256")
      .update(await readFile(join(directory, name)))
      .digest("hex");
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await digest(name)] as const)),
  );
}

/** max |a − b| / max |b|. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`lengths ${a.length} and ${b.length}`);
  let [difference, largest] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    const distance = Math.abs(a[i]! - b[i]!);
    if (!(distance <= difference)) difference = distance;
    largest = Math.max(largest, Math.abs(b[i]!));
  }
  return difference / largest;
}
