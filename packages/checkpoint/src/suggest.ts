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

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}

export const missingTensor = (file: string, name: string, names: Iterable<string>): CheckpointError =>
  new CheckpointError("MISSING_TENSOR", `${file}: has no tensor "${name}"${didYouMean(name, names)}`);
