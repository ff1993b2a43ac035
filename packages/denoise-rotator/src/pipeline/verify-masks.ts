import type { Checkpoint } from "@denoise-rotator/checkpoint";
import { type SparsityPattern, sharedRows } from "@denoise-rotator/contracts";

/**
 * Whether a weight `[out, in]` as stored obeys the pattern: N:M in every group (of all rows that share their positions
 * together), or at least the share of zeros.
 */
export function obeys(weight: Float32Array, columns: number, pattern: SparsityPattern): boolean {
  if (pattern.kind === "unstructured") {
    const zeros = weight.reduce((count, value) => count + (value === 0 ? 1 : 0), 0);
    return zeros >= Math.floor(pattern.sparsity * weight.length) * 0.999;
  }
  const block = sharedRows(pattern) * columns;
  for (let first = 0; first < weight.length; first += block) {
    const end = Math.min(first + block, weight.length);
    for (let start = first; start < first + columns; start += pattern.of) {
      let kept = 0;
      for (let column = start; column < start + pattern.of; column++) {
        let used = false;
        for (let i = column; i < end; i += columns) used ||= weight[i] !== 0;
        if (used) kept++;
      }
      if (kept > pattern.keep) return false;
    }
  }
  return true;
}

/** Reads the weights of the layers named back from a written checkpoint and checks each against its pattern. */
export async function masksValid(
  checkpoint: Checkpoint,
  patterns: ReadonlyMap<string, SparsityPattern>,
): Promise<boolean> {
  for (const [layer, pattern] of patterns) {
    const name = `${layer}.weight`;
    if (!obeys(await checkpoint.readFloat32(name), checkpoint.shape(name)[1]!, pattern)) return false;
  }
  return true;
}
