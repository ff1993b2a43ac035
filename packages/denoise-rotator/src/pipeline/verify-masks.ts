import type { Checkpoint } from "@denoise-rotator/checkpoint";
import type { SparsityPattern } from "@denoise-rotator/contracts";

/** Whether a weight `[out, in]` as stored obeys the pattern: N:M in every group, or at least the share of zeros. */
export function obeys(weight: Float32Array, pattern: SparsityPattern): boolean {
  if (pattern.kind === "unstructured") {
    const zeros = weight.reduce((count, value) => count + (value === 0 ? 1 : 0), 0);
    return zeros >= Math.floor(pattern.sparsity * weight.length) * 0.999;
  }
  for (let start = 0; start < weight.length; start += pattern.of) {
    let kept = 0;
    for (let i = start; i < start + pattern.of; i++) if (weight[i] !== 0) kept++;
    if (kept > pattern.keep) return false;
  }
  return true;
}

/** Reads the weights of the layers named back from a written checkpoint and checks each against its pattern. */
export async function masksValid(
  checkpoint: Checkpoint,
  patterns: ReadonlyMap<string, SparsityPattern>,
): Promise<boolean> {
  for (const [layer, pattern] of patterns) {
    if (!obeys(await checkpoint.readFloat32(`${layer}.weight`), pattern)) return false;
  }
  return true;
}
