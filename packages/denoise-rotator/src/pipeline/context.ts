import type { Importance, SparsityPattern } from "@denoise-rotator/contracts";
import type { Backend } from "@denoise-rotator/core";
import type { LoadedBlock } from "@denoise-rotator/models";
import type { Pruner, ReconstructReport, TransportReport } from "@denoise-rotator/pruners";
import type { ObjectiveReport, RotationArrays, SiteReport } from "@denoise-rotator/rotator";
import type { ImportanceFigures } from "./figures/importance-collector.js";
import type { ProgressEvent, ResolvedOptions } from "./options.js";
import type { RotationStore } from "./resume/rotation-store.js";
import type { RunState } from "./resume/run-state.js";
import type { RotationRecord, SiteRecord } from "./run-record.js";
import type { SkipRule } from "./skip.js";

/** What the stages of a run share. */
export interface RunContext {
  readonly options: ResolvedOptions;
  readonly pattern: SparsityPattern;
  readonly device: Backend;
  readonly pruner: Pruner;
  /** What rotations concentrate. */
  readonly rotationImportance: Importance;
  readonly skip: SkipRule;
  /** Rotations given by file, by block index. */
  readonly given: ReadonlyMap<number, RotationArrays> | undefined;
  /** What was found out about `given` where they were learned in a first pass, by block index. */
  readonly reports: Map<number, RotationReport>;
  /** Shares to remove by name of the layer, where they differ; else all as `pattern`. */
  readonly shares: ReadonlyMap<string, number> | undefined;
  /** Rotations of this run, where they are needed later, and of earlier attempts at it. */
  readonly learned: RotationStore;
  /** How far the run has come. */
  readonly state: RunState;
  /** Takes the time and FLOPs of a part of a stage, under a name of its own. */
  readonly measure: <T>(part: string, body: () => Promise<T>) => Promise<T>;
  readonly progress: (event: ProgressEvent) => void;
  readonly signal: AbortSignal | undefined;
  readonly blocks: number;
}

/** What was learned about a rotation. */
export interface RotationReport {
  readonly objective?: ObjectiveReport | undefined;
  readonly sites?: readonly SiteReport[] | undefined;
  readonly importances?: ImportanceFigures | undefined;
}

/** What the stages find out about the block at hand. */
export interface BlockContext extends RunContext {
  readonly block: LoadedBlock;
  rotation: RotationRecord | null;
  /** What learning the rotation found out about sites, by role. */
  rotatedSites: ReadonlyMap<string, SiteReport>;
  importances: ImportanceFigures | null;
  sites: readonly SiteRecord[];
  transport: TransportReport | null;
  reconstruction: ReconstructReport | null;
}

/** One step of what happens to a block; usable alone. */
export interface Stage {
  readonly name: string;
  /** Whether the step applies to the block. */
  applies(context: BlockContext): boolean;
  run(context: BlockContext): Promise<void>;
}

/** The context of a block about which nothing is known yet. */
export const blockContext = (run: RunContext, block: LoadedBlock): BlockContext => ({
  ...run,
  block,
  rotation: null,
  rotatedSites: new Map(),
  importances: null,
  sites: [],
  transport: null,
  reconstruction: null,
});
