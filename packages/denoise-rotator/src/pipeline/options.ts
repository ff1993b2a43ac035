import { parsePattern, type SparsityPattern } from "@denoise-rotator/contracts";
import { OptionError } from "@denoise-rotator/core";
import { type Pruner, type Refinement, refinements } from "@denoise-rotator/pruners";

export const backendNames = ["wasm", "cpu"] as const;
export type BackendName = (typeof backendNames)[number];
export const rotateModes = ["per-block", "none"] as const;
export type RotateMode = (typeof rotateModes)[number];
export const objectiveNames = ["direct", "entropy"] as const;
export type ObjectiveName = (typeof objectiveNames)[number];
export const solverNames = ["muon", "qr-adam"] as const;
export type SolverName = (typeof solverNames)[number];

/** What a `prune` run is asked to do; everything but `model` has a default. */
export interface PruneOptions {
  /** A checkpoint directory, or `tiny` for the embedded model. */
  readonly model: string;
  /** A registered name, or a pruner of your own. Default `sparsegpt`. */
  readonly pruner?: string | Pruner;
  /** `"2:4"` or a share such as `0.5`. Default `2:4`. */
  readonly sparsity?: string | number;
  /** Default `per-block`. */
  readonly rotate?: RotateMode;
  /** Default `direct`. */
  readonly objective?: ObjectiveName;
  /** Default `muon` for `direct`, `qr-adam` for `entropy`. */
  readonly solver?: SolverName;
  /** Default 60 for `muon`, 2000 for `qr-adam`. */
  readonly steps?: number;
  /** `pcg` solves anew for the kept weights, whatever the pruner. Default `none`. */
  readonly refine?: Refinement;
  /** Blocks (`3`), roles (`downProj`) or both (`3.downProj`) left dense. */
  readonly skip?: readonly string[];
  /** `embedded`, a text file or a directory of `.txt` files. Default `embedded`. */
  readonly calibration?: string;
  /** Calibration windows. Default 64. */
  readonly samples?: number;
  /** Tokens per window. Default: the model's context, at most 2048. */
  readonly sequenceLength?: number;
  /** Draws random windows; without it they are spaced evenly over the text. */
  readonly seed?: number;
  /** Default `wasm`. */
  readonly backend?: BackendName;
  /** Where the pruned checkpoint goes; without it nothing is kept. */
  readonly out?: string;
  /** Replaces what exists at `out`. Default false. */
  readonly force?: boolean;
  /** Evaluates the dense and the pruned model. Default false. */
  readonly evaluate?: boolean;
  /** Text to evaluate on; default the embedded held-out text. */
  readonly evaluationText?: string;
  /** Evaluation windows at most; default 360. */
  readonly evaluationWindows?: number;
  /** Rotations learned before (see `saveRotation`) instead of learning. */
  readonly rotation?: string;
  /** File that keeps the learned rotations. */
  readonly saveRotation?: string;
  readonly onProgress?: (event: ProgressEvent) => void;
  readonly signal?: AbortSignal;
}

export interface ProgressEvent {
  /** What is being done, such as `rotate`. */
  readonly stage: string;
  /** 1-based block, and how many there are. */
  readonly block: number;
  readonly blocks: number;
  /** Further detail, such as a solver's step. */
  readonly detail?: string;
}

/** Options with every default filled in; what the run record keeps. */
export interface ResolvedOptions {
  readonly model: string;
  readonly pruner: string;
  readonly sparsity: string;
  readonly rotate: RotateMode;
  readonly objective: ObjectiveName;
  readonly solver: SolverName;
  readonly steps: number;
  readonly refine: Refinement;
  readonly skip: readonly string[];
  readonly calibration: string;
  readonly samples: number;
  readonly sequenceLength: number;
  readonly seed: number | null;
  readonly backend: BackendName;
  readonly out: string | null;
  readonly rotation: string | null;
  readonly saveRotation: string | null;
  readonly evaluationText: string | null;
  readonly evaluationWindows: number;
}

function oneOf<T extends string>(option: string, value: string, allowed: readonly T[]): T {
  if (!(allowed as readonly string[]).includes(value)) {
    throw new OptionError(`${option} ${value}: choose one of ${allowed.join(", ")}`);
  }
  return value as T;
}

function positiveInteger(option: string, value: number, least = 1): number {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new OptionError(`${option} ${value}: an integer of at least ${least}`);
  }
  return value;
}

/** Fills in defaults and checks every value. Throws {@link OptionError} naming the option. */
export function resolveOptions(
  options: PruneOptions,
  contextLength: number,
): ResolvedOptions & { pattern: SparsityPattern } {
  const objective = oneOf("--objective", options.objective ?? "direct", objectiveNames);
  const solver = oneOf(
    "--solver",
    options.solver ?? (objective === "direct" ? "muon" : "qr-adam"),
    solverNames,
  );
  const pattern = parsePattern(options.sparsity ?? "2:4");
  return {
    pattern,
    model: options.model,
    pruner: typeof options.pruner === "object" ? options.pruner.name : (options.pruner ?? "sparsegpt"),
    sparsity: String(options.sparsity ?? "2:4"),
    rotate: oneOf("--rotate", options.rotate ?? "per-block", rotateModes),
    objective,
    solver,
    steps: positiveInteger("--steps", options.steps ?? (solver === "muon" ? 60 : 2000)),
    refine: oneOf("--refine", options.refine ?? "none", refinements),
    skip: options.skip ?? [],
    calibration: options.calibration ?? "embedded",
    samples: positiveInteger("--samples", options.samples ?? 64),
    sequenceLength: positiveInteger("--seqlen", options.sequenceLength ?? Math.min(contextLength, 2048), 2),
    seed: options.seed === undefined ? null : positiveInteger("--seed", options.seed, 0),
    backend: oneOf("--backend", options.backend ?? "wasm", backendNames),
    out: options.out ?? null,
    rotation: options.rotation ?? null,
    saveRotation: options.saveRotation ?? null,
    evaluationText: options.evaluationText ?? null,
    evaluationWindows: positiveInteger("--eval-windows", options.evaluationWindows ?? 360),
  };
}
