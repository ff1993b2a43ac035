import { editDistance } from "./edit-distance.js";

/** ` Did you mean X?` for the known name closest to `name`, if one is close; else nothing. */
export function suggest(name: string, known: Iterable<string>): string {
  const near = [...known]
    .map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= Math.max(1, Math.floor(candidate.length / 3)))
    .sort((a, b) => a.distance - b.distance)[0];
  return near ? ` Did you mean ${near.candidate}?` : "";
}
