import type { Setting } from "./job.js";

/** An option that a sweep may set. */
export interface SweepOption {
  /** Why the value is none of the option's; `undefined`: it is one. */
  check(value: Setting): string | undefined;
}

/** Options by their names in a sweep's file. */
export type SweepOptions = ReadonlyMap<string, SweepOption>;
