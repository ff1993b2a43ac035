import type { Checkpoint } from "@denoise-rotator/checkpoint";

/** Elements of the embedding held at once while rows are gathered. */
const chunkElements = 2 ** 20;

/**
 * Rows of a matrix `[rows, width]` of the checkpoint at `ids`, `[ids, width]`. Reads 4 MB at a time, only where ids
 * fall; NaN and infinity there are errors naming the tensor.
 */
export async function gatherRows(
  checkpoint: Checkpoint,
  name: string,
  ids: Int32Array,
): Promise<Float32Array> {
  const [rows, width] = checkpoint.shape(name) as [number, number];
  const chunkRows = Math.max(1, Math.floor(chunkElements / width));
  const positions = new Map<number, number[]>();
  ids.forEach((id, position) => {
    const chunk = Math.floor(id / chunkRows);
    const list = positions.get(chunk);
    if (list) list.push(position);
    else positions.set(chunk, [position]);
  });
  const out = new Float32Array(ids.length * width);
  for (const chunk of [...positions.keys()].sort((a, b) => a - b)) {
    const begin = chunk * chunkRows;
    const values = await checkpoint.readRows(name, begin, Math.min(rows, begin + chunkRows));
    for (const position of positions.get(chunk)!) {
      const start = (ids[position]! - begin) * width;
      out.set(values.subarray(start, start + width), position * width);
    }
  }
  return out;
}
