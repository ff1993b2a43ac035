import { editDistance } from "@denoise-rotator/core";
import { CheckpointError } from "./errors.js";

/** ` (did you mean "…"?)` for the candidate closest to `name`, or nothing if none is close. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const bound = Math.max(2, Math.floor(name.length / 4));
  let best: string | undefined;
  let bestDistance = bound + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - name.length) >= bestDistance) continue;
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best === undefined ? "" : ` (did you mean "${best}"?)`;
}

export const missingTensor = (file: string, name: string, names: Iterable<string>): CheckpointError =>
  new CheckpointError("MISSING_TENSOR", `${file}: has no tensor "${name}"${didYouMean(name, names)}`);
