import type { SiteRole } from "@denoise-rotator/contracts";
import type { PerplexityResult } from "@denoise-rotator/evaluators";
import type { ReconstructReport } from "@denoise-rotator/pruners";
import type { BeforeAfter, ObjectiveReport } from "@denoise-rotator/rotator";
import { version } from "../../package.json";
import type { HeldImportance } from "./figures/importance-curves.js";
import type { PictureRecord } from "./figures/picture.js";
import type { ResolvedOptions } from "./options.js";
import type { RunInputs } from "./resume/run-identity.js";
import type { StageCost } from "./stage-clock.js";

/** 2: figures for the report; see `schema` of `@denoise-rotator/report`. */
export const runRecordVersion = 2;

/** What a run did and measured; written as `run.json`. */
export interface RunRecord {
  readonly schemaVersion: typeof runRecordVersion;
  readonly command: "prune";
  readonly options: ResolvedOptions;
  /** Arguments of `denoise-rotator` that ask for the same run. */
  readonly repeat: readonly string[];
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
  readonly evaluation: {
    readonly dense: PerplexityResult;
    readonly pruned: PerplexityResult;
    /** Of the pruner as published, without rotation; `null` where it was not measured. */
    readonly plain: PerplexityResult | null;
  } | null;
  /** The shares of weights that `held` of the sites is given at. */
  readonly heldShares: readonly number[];
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
  /** Of the first, the middle and the last block; else `null`. */
  readonly picture: PictureRecord | null;
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
  readonly entropy: BeforeAfter | null;
  /** Share of its importance that the pattern would prune, before and after rotation; `null` without a learned one. */
  readonly prunable: BeforeAfter | null;
  /** Part of its importance that the most important of its weights hold, for each of `heldShares`; `null` likewise. */
  readonly held: HeldImportance | null;
  /** Number of its weights, pruned ones too. */
  readonly weights: number;
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
