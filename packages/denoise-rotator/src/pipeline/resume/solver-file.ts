import { createSafetensors, openSafetensors } from "@denoise-rotator/checkpoint";
import { DenoiseRotatorError } from "@denoise-rotator/core";
import { fileSource } from "@denoise-rotator/hub";
import type { HostArray, SolverState } from "@denoise-rotator/manifold";

const stateKey = "denoise_rotator_solver";

/** Writes a solver's state to a safetensors file, which appears whole or not at all. */
export async function writeSolverState(path: string, state: SolverState): Promise<void> {
  const { tensors, best, ...plain } = state;
  const arrays = new Map<string, HostArray>();
  const add = (prefix: string, list: readonly HostArray[]) => {
    list.forEach((array, i) => {
      arrays.set(`${prefix}.${i}`, array);
    });
  };
  for (const [name, list] of Object.entries(tensors)) add(`tensors.${name}`, list);
  if (best) add("best", best.points);
  const description = { ...plain, best: best ? best.value : null, names: Object.keys(tensors) };
  const entries = [...arrays].map(([name, { shape, dtype, data }]) => {
    if (dtype !== "f32" || !(data instanceof Float32Array)) {
      throw new DenoiseRotatorError("RESUME", `a solver's state of dtype ${dtype} cannot be written`);
    }
    return { name, dtype: "f32" as const, shape };
  });
  await using writer = await createSafetensors(path, entries, {
    metadata: { [stateKey]: JSON.stringify(description) },
  });
  for (const [name, { data }] of arrays) await writer.write(name, data as Float32Array);
  await writer.finish();
}

/** Reads what {@link writeSolverState} wrote. */
export async function readSolverState(path: string): Promise<SolverState> {
  await using file = await openSafetensors(await fileSource(path));
  const { names, best, ...plain } = JSON.parse(file.metadata.get(stateKey)!);
  const read = async (prefix: string): Promise<HostArray[]> => {
    const list: HostArray[] = [];
    for (let i = 0; file.tensors.has(`${prefix}.${i}`); i++) {
      const name = `${prefix}.${i}`;
      list.push({ shape: file.info(name).shape, dtype: "f32", data: await file.readFloat32(name) });
    }
    return list;
  };
  const tensors: [string, HostArray[]][] = [];
  for (const name of names as string[]) tensors.push([name, await read(`tensors.${name}`)]);
  return {
    ...plain,
    tensors: Object.fromEntries(tensors),
    best: best === null ? undefined : { value: best, points: await read("best") },
  };
}
