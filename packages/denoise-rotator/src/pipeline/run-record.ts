import type { SiteRole } from "@denoise-rotator/contracts";
import type { PerplexityResult } from "@denoise-rotator/evaluators";
import { version } from "../../package.json";
import type { ResolvedOptions } from "./options.js";
import type { StageCost } from "./stage-clock.js";

export const runRecordVersion = 1;

/** What a run did and measured; written as `run.json`. */
export interface RunRecord {
  readonly schemaVersion: typeof runRecordVersion;
  readonly command: "prune";
  readonly options: ResolvedOptions;
  readonly seed: number | null;
  readonly versions: Readonly<Record<string, string>>;
  readonly backend: { readonly name: string; readonly description: Readonly<Record<string, unknown>> };
  readonly calibration: {
    readonly windows: number;
    readonly windowLength: number;
    readonly tokenSum: number;
  };
  readonly blocks: readonly BlockRecord[];
  /** Largest over blocks of the relative change of outputs by absorbing the rotation; `null` without rotation. */
  readonly invarianceError: number | null;
  /** Whether every pruned weight of the written checkpoint obeys the pattern. */
  readonly maskValid: boolean;
  readonly evaluation: { readonly dense: PerplexityResult; readonly pruned: PerplexityResult } | null;
  /** Time and matrix-product FLOPs by stage. */
  readonly stages: Readonly<Record<string, StageCost>>;
  readonly seconds: number;
  readonly peakMemoryBytes: number;
}

export interface BlockRecord {
  readonly name: string;
  readonly rotation: RotationRecord | null;
  readonly sites: readonly SiteRecord[];
}

export interface RotationRecord {
  readonly objective: string;
  readonly start: number;
  readonly best: number;
  readonly steps: number;
  readonly trace: readonly number[];
  readonly invarianceError: number;
}

export interface SiteRecord {
  readonly name: string;
  readonly role: SiteRole;
  readonly skipped: boolean;
  /** Importance entropy in nats per group, before and after rotation; `null` without rotation. */
  readonly entropy: { readonly before: number; readonly after: number } | null;
  readonly sparsity: number;
  /** ‖(W − Ŵ)X‖² / ‖WX‖². */
  readonly error: number;
}

export const packageVersions = (): Record<string, string> => ({
  "denoise-rotator": version,
  node: typeof process === "undefined" ? "browser" : process.version.slice(1),
  v8: typeof process === "undefined" ? "" : (process.versions.v8 ?? ""),
});
