import type { PerplexityResult } from "@denoise-rotator/evaluators";
import type { ObjectiveReport } from "@denoise-rotator/rotator";
import type { RotationReport } from "../context.js";
import type { BlockRecord } from "../run-record.js";
import type { StageCost } from "../stage-clock.js";
import type { RunIdentity } from "./run-identity.js";

/** Version of the journal's form; another is refused. */
export const journalVersion = 1;

/** Passes over the blocks that go on where they ended. */
export type PassName = "statistics" | "prune";

/** What a run has come to; each is written when what it speaks of is on the disk. */
export type RunEvent =
  | { readonly kind: "start"; readonly version: number; readonly identity: RunIdentity }
  | { readonly kind: "attempt" }
  /** SHA-256 of the calibration windows. */
  | { readonly kind: "calibration"; readonly digest: string }
  | {
      readonly kind: "evaluation";
      readonly of: "dense" | "pruned" | "plain";
      readonly result: PerplexityResult;
    }
  /** A block of a pass; `written` are the tensors of the output that came with it. */
  | {
      readonly kind: "block";
      readonly pass: PassName;
      readonly index: number;
      readonly written: readonly string[];
      readonly record?: BlockRecord | undefined;
    }
  /** A rotation in `rotations/<index>.safetensors`, and what was found out about it. */
  | { readonly kind: "rotation"; readonly index: number; readonly report: RotationReport | null }
  /** The rotations in `shared.safetensors`. */
  | {
      readonly kind: "shared";
      readonly objective: ObjectiveReport;
      /** By block index. */
      readonly reports: readonly (readonly [number, RotationReport])[];
    }
  | { readonly kind: "allocated"; readonly shares: readonly (readonly [string, number])[] }
  /** The model is complete in `contents`. */
  | { readonly kind: "written" }
  /** So is everything else; only the renaming is left. */
  | { readonly kind: "complete" };

/** What a run took, over all attempts. */
export interface Spent {
  readonly stages: Readonly<Record<string, StageCost>>;
  readonly seconds: number;
  readonly peakMemoryBytes: number;
}

export type JournalEntry = RunEvent & { readonly spent: Spent };
export type EventOf<K extends RunEvent["kind"]> = Extract<RunEvent, { kind: K }>;
