import { compressSparse24, encodeBFloat16, Sparse24Weight, type Tensor } from "@denoise-rotator/core";
import { readFloats } from "./activations.js";
import { loadTensor, type WeightSource } from "./weight-source.js";

/** A weight `[out, in]` of a linear layer: dense, or 2:4-sparse by what it keeps. */
export type SiteWeight = Tensor | Sparse24Weight;

/** Weights read at once while looking for 2:4. */
const chunkWeights = 2 ** 20;

/** Bytes of a weight where it lies. */
export const weightBytes = (weight: SiteWeight): number =>
  weight instanceof Sparse24Weight ? weight.byteLength : 4 * weight.size;

/**
 * Reads the weight of a site onto the device. Where `source.sparse` says so and it is 2:4, stored packed or plain, it stays
 * packed, bf16 as bf16, and is never dense in memory but by some rows. The caller disposes.
 */
export async function loadSiteWeight(source: WeightSource, name: string): Promise<SiteWeight> {
  const sparse = source.sparse ? await loadSparse(source, name) : undefined;
  return sparse ?? loadTensor(source, name);
}

async function loadSparse(source: WeightSource, name: string): Promise<Sparse24Weight | undefined> {
  const { checkpoint, device } = source;
  const [out, inputs] = checkpoint.shape(name) as [number, number];
  if (inputs % 8 !== 0) return undefined;
  const pattern = checkpoint.packing?.(name);
  if (pattern && (pattern.keep !== 2 || pattern.of !== 4)) return undefined;
  const parts = pattern
    ? await checkpoint.readPacked!(name, 0, out)
    : await compressByRows(source, name, [out, inputs]);
  const form = { shape: [out, inputs], rowsPerPattern: pattern?.rows, name } as const;
  return parts && Sparse24Weight.pack({ ...parts, ...form }, device);
}

/** What a plain weight keeps; `undefined` where it is not 2:4, which its first row mostly tells. */
async function compressByRows(
  { checkpoint }: WeightSource,
  name: string,
  [out, inputs]: readonly [number, number],
) {
  const bf16 = checkpoint.dtype(name) === "bf16";
  const size = (out * inputs) / 2;
  let values: Float32Array | Uint16Array | undefined;
  const positions = new Uint8Array(size / 4);
  const step = Math.max(1, Math.floor(chunkWeights / inputs));
  for (let begin = 0, end = 1; begin < out; begin = end, end = Math.min(out, end + step)) {
    const rows = await checkpoint.readRows(name, begin, end);
    const found = compressSparse24(rows, [end - begin, inputs]);
    if (!found) return undefined;
    values ??= bf16 ? new Uint16Array(size) : new Float32Array(size);
    const kept = found.values as Float32Array;
    values.set(bf16 ? encodeBFloat16(kept) : kept, (begin * inputs) / 2);
    positions.set(found.positions, (begin * inputs) / 8);
  }
  return values && { values, positions };
}

/** The weight on its device packed in f32, where it is 2:4; its first row is looked at before the rest is read. */
export async function packedCopy(weight: Tensor): Promise<Sparse24Weight | undefined> {
  const [out, inputs] = weight.shape as [number, number];
  if (inputs % 8 !== 0) return undefined;
  using first = weight.slice([0, 1]);
  if (!compressSparse24(await readFloats(first), [1, inputs])) return undefined;
  const parts = compressSparse24(await readFloats(weight), [out, inputs]);
  return parts && Sparse24Weight.pack(parts, weight.backend);
}
