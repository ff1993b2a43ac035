/*
 * What the harness and a contender's process say to each other: one JSON object a line, on the process's standard input
 * and output. `peers/torch_worker.py` speaks it too.
 */
import type { Work } from "@denoise-rotator/bench";

/** A raw little-endian f32 file. */
export interface ArrayFile {
  readonly path: string;
  readonly shape: readonly number[];
}

export type Request =
  | {
      readonly type: "prepare";
      readonly work: Work;
      readonly inputs: readonly ArrayFile[];
      /** Folder for the results. */
      readonly results: string;
      /** A first run that takes longer, in milliseconds, is not repeated. */
      readonly patience: number;
    }
  | { readonly type: "measure"; readonly runs: number };

export type Reply =
  | { readonly type: "ready"; readonly versions: Readonly<Record<string, string>> }
  /** After `prepare`: the milliseconds of one warm run, and its results. */
  | { readonly type: "prepared"; readonly milliseconds: number; readonly results: readonly ArrayFile[] }
  /** Milliseconds of one of the runs asked for. */
  | { readonly type: "measured"; readonly milliseconds: number }
  /** Instead of `ready` or `prepared`. */
  | { readonly type: "unsupported"; readonly reason: string };
