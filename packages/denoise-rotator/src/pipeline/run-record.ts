import type { SiteRole } from "@denoise-rotator/contracts";
import type { PerplexityResult } from "@denoise-rotator/evaluators";
import type { ReconstructReport } from "@denoise-rotator/pruners";
import type { ObjectiveReport } from "@denoise-rotator/rotator";
import { version } from "../../package.json";
import type { ResolvedOptions } from "./options.js";
import type { RunInputs } from "./resume/run-identity.js";
import type { StageCost } from "./stage-clock.js";

export const runRecordVersion = 1;

/** What a run did and measured; written as `run.json`. */
export interface RunRecord {
  readonly schemaVersion: typeof runRecordVersion;
  readonly command: "prune";
  readonly options: ResolvedOptions;
  readonly model: {
    /** Commit of the Hub that it was fetched from, else `null`. */
    readonly commit: string | null;
    /** `model_type` of its family, such as `qwen2`. */
    readonly family: string;
    /** Whether it came with changes of basis between its blocks. */
    readonly rotatedBefore: boolean;
    /** Whether the embedding is the head too, before and after. */
    readonly tiedEmbeddings: { readonly source: boolean; readonly output: boolean };
  };
  readonly seed: number | null;
  /** Files that were read, by the option that names them: `model`, texts, rotations. */
  readonly inputs: RunInputs;
  readonly versions: Readonly<Record<string, string>>;
  readonly backend: { readonly name: string; readonly description: Readonly<Record<string, unknown>> };
  readonly calibration: {
    readonly windows: number;
    readonly windowLength: number;
    readonly tokenSum: number;
  };
  readonly blocks: readonly BlockRecord[];
  /** What learning the rotation of `rotate: "shared"` reached, summed over the blocks; else, and from a file, `null`. */
  readonly sharedRotation: ObjectiveReport | null;
  /** Largest over blocks of the relative change of outputs by absorbing the rotation; `null` without rotation. */
  readonly invarianceError: number | null;
  /** Whether every pruned weight of the written checkpoint obeys the pattern. */
  readonly maskValid: boolean;
  readonly evaluation: { readonly dense: PerplexityResult; readonly pruned: PerplexityResult } | null;
  /** Time and matrix-product FLOPs by stage. */
  readonly stages: Readonly<Record<string, StageCost>>;
  /** Of all attempts, as `stages`; what an attempt did after its last finished step is not known. */
  readonly seconds: number;
  readonly peakMemoryBytes: number;
  /** 1, and one more for every `--resume`. */
  readonly attempts: number;
}

export interface BlockRecord {
  readonly name: string;
  readonly rotation: RotationRecord | null;
  readonly sites: readonly SiteRecord[];
  /** Of `transport`: ‖(V − I)Y‖² / ‖Y‖² for the output map V and the pruned block's outputs Y; else `null`. */
  readonly transport: { readonly shift: number } | null;
  /** Of `reconstruct`: distance of the outputs from the dense model's before and after; else `null`. */
  readonly reconstruction: ReconstructReport | null;
}

export interface RotationRecord {
  /** `null` where the rotation came from a file or is shared. */
  readonly objective: ObjectiveReport | null;
  /** Largest change of the block's outputs by absorbing the rotation, relative to their root mean square or the token's. */
  readonly invarianceError: number | null;
}

/** A site that was pruned; skipped ones are not listed. */
export interface SiteRecord {
  readonly name: string;
  readonly role: SiteRole;
  /** Importance entropy in nats, summed over the site's groups, before and after rotation; `null` without one. */
  readonly entropy: { readonly before: number; readonly after: number } | null;
  readonly sparsity: number;
  /** ‖(W − Ŵ)X‖² / ‖WX‖² for the weight W that was aimed at: the dense one, or with `match` the matched one. */
  readonly error: number;
  /** ‖(V − W)X‖² / ‖WX‖² of the matched weight V and the dense W; `null` without `match`. */
  readonly shift: number | null;
  readonly maskValid: boolean;
  /** What was added to diag(H), absolutely; `null` where nothing was inverted. */
  readonly damping: number | null;
}

export const packageVersions = (): Record<string, string> => ({
  "denoise-rotator": version,
  node: typeof process === "undefined" ? "browser" : process.version.slice(1),
  v8: typeof process === "undefined" ? "" : (process.versions.v8 ?? ""),
});
