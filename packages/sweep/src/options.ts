import { editDistance } from "@denoise-rotator/core";
import type { Setting } from "./job.js";

/** An option that a sweep may set. */
export interface SweepOption {
  /** Why the value is none of the option's; `undefined`: it is one. */
  check(value: Setting): string | undefined;
}

/** Options by their names in a sweep's file. */
export type SweepOptions = ReadonlyMap<string, SweepOption>;

/** ` Did you mean X?` for the known name closest to `name`, if one is close; else nothing. */
export function suggest(name: string, known: Iterable<string>): string {
  const near = [...known]
    .map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= Math.max(1, Math.floor(candidate.length / 3)))
    .sort((a, b) => a.distance - b.distance)[0];
  return near ? ` Did you mean ${near.candidate}?` : "";
}
