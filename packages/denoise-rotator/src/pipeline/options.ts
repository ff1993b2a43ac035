import { parsePackedPattern } from "@denoise-rotator/checkpoint";
import { formatPattern, parsePattern, type SparsityPattern } from "@denoise-rotator/contracts";
import { type Backend, OptionError } from "@denoise-rotator/core";
import { type SolverName, solverNames } from "@denoise-rotator/manifold";
import { type ActivationDType, activationDTypes } from "@denoise-rotator/models";
import { type Pruner, prunerNames, type Refinement } from "@denoise-rotator/pruners";
import {
  type ObjectiveKind,
  objectiveKinds,
  type RotationPresetName,
  type RotationStart,
  resolveSettings,
  rotationPresetNames,
  rotationStarts,
} from "@denoise-rotator/rotator";
import type { BackendName, BackendTuning } from "./backends.js";
import { type QualityName, qualityOf, type ResolvedQuality, resolveQuality } from "./quality.js";

export const rotateModes = ["per-block", "shared", "none"] as const;
export const allocations = ["uniform", "global", "sensitivity"] as const;
export type Allocation = (typeof allocations)[number];
export type RotateMode = (typeof rotateModes)[number];
export const outputFormats = ["plain", "packed"] as const;
/** How pruned weights are stored: with their zeros, or as kept values and positions (`docs/packed-format.md`). */
export type OutputFormat = (typeof outputFormats)[number];
export const siteWeightings = ["default", "equal"] as const;
export type SiteWeighting = (typeof siteWeightings)[number];
/** The importance of the pruner that prunes, or another pruner's. */
export const sameImportance = "same";

/** What a `prune` run is asked to do; everything but `model` has a default. */
export interface PruneOptions extends BackendTuning {
  /** A checkpoint directory, a GGUF file, a name on the Hugging Face Hub (`org/name`), or `tiny` for the embedded model. */
  readonly model: string;
  /** A registered name, or a pruner of your own. Default `sparsegpt`. */
  readonly pruner?: string | Pruner;
  /** `"2:4"` or a share such as `0.5`. Default `2:4`. */
  readonly sparsity?: string | number;
  /** Default `per-block`. */
  readonly rotate?: RotateMode;
  /** What the settings of the rotation default to; default that of `quality`, with `objective: "entropy"` `paper`. */
  readonly rotationPreset?: RotationPresetName;
  readonly objective?: ObjectiveKind;
  readonly solver?: SolverName;
  /** Default: the preset's, with another solver the solver's own. */
  readonly steps?: number;
  /** Default: as for `steps`. */
  readonly learningRate?: number;
  /** Of `muon`; default 3. */
  readonly newtonSchulzSteps?: number;
  readonly start?: RotationStart;
  /** Whose importances the rotation concentrates: `same` (default) or the name of a pruner. */
  readonly rotationImportance?: string;
  /** Equal diagonal blocks that R1 consists of; default 1. */
  readonly r1Blocks?: number;
  /** Share of the rows that the first 60 % of the steps see; default 1. */
  readonly rowSample?: number;
  /** What sites count for in `direct`: by how much their errors matter (`default`), or alike (`equal`). */
  readonly siteWeights?: SiteWeighting;
  /** What `rotationPreset`, `refine`, `match`, `transport`, `reconstruct` and `samples` default to; default `default`. */
  readonly quality?: QualityName;
  /** `pcg` solves anew for the kept weights, whatever the pruner. */
  readonly refine?: Refinement;
  /** Aims at the dense model's outputs with the pruned model's inputs. */
  readonly match?: boolean;
  /** Corrects each block's outputs by a linear map; needs the changes of basis of `rotate: "per-block"`. */
  readonly transport?: boolean;
  /** Steps that learn each block's kept weights against the dense model's outputs; 0 is none. */
  readonly reconstruct?: number;
  /**
   * How an unstructured share is spread over the layers: `uniform` (default); `global`, all weights competing with their
   * scores; `sensitivity`, scores times what an error of the layer does to the predictions.
   */
  readonly allocation?: Allocation;
  /** Blocks (`3`), roles (`downProj`) or both (`3.downProj`) left dense. */
  readonly skip?: readonly string[];
  /** `embedded`, a text file or a directory of `.txt` files. Default `embedded`. */
  readonly calibration?: string;
  /** A folder with the rows of `c4` or `wikitext2`; default the Hugging Face Hub. */
  readonly calibrationData?: string;
  /** Calibration windows; default 64, 256 with `quality: "best"`. */
  readonly samples?: number;
  /** Tokens per window. Default: the model's context, at most 2048. */
  readonly sequenceLength?: number;
  /** Draws random windows; without it they are spaced evenly over the text. */
  readonly seed?: number;
  /** Bytes that the process may take; default three quarters of the machine's. Results do not depend on it. */
  readonly memory?: number;
  /** Folder for activations that do not fit in `memory`; default beside `out`, else the system's for temporary files. */
  readonly scratch?: string;
  /** How activations are kept between blocks; `bf16` halves them and rounds. Default `f32`. */
  readonly activations?: ActivationDType;
  /** A name, or a backend of your own, which stays open. Default `wasm`. */
  readonly backend?: BackendName | Backend;
  /**
   * Multiplies pruned 2:4 weights as dense ones where later blocks' inputs and perplexities are computed, also where the backend has
   * kernels for them; the two differ by rounding. Default false.
   */
  readonly dense?: boolean;
  /** Where the pruned checkpoint goes; without it nothing is kept. */
  readonly out?: string;
  /** How pruned weights are stored at `out`; `packed` is for N:M patterns. Default `plain`. */
  readonly format?: OutputFormat;
  /** Replaces what exists at `out`. Default false. */
  readonly force?: boolean;
  /**
   * Goes on where an interrupted run with the same options and the same `out` ended, to the same bytes; where there is none,
   * starts one; where it is finished, does nothing. Default false.
   */
  readonly resume?: boolean;
  /** Evaluates the dense and the pruned model. Default false. */
  readonly evaluate?: boolean;
  /** Evaluates the pruner as published too, without rotation, in a run of its own. Default false. */
  readonly evaluatePlain?: boolean;
  /** Text to evaluate on; default the embedded held-out text. */
  readonly evaluationText?: string;
  /** Evaluation windows at most; default 360. */
  readonly evaluationWindows?: number;
  /** Rotations learned before (see `saveRotation`) instead of learning. */
  readonly rotation?: string;
  /** File that keeps the learned rotations. */
  readonly saveRotation?: string;
  readonly onProgress?: (event: ProgressEvent) => void;
  /** Told in a line what `resume` found, what an attempt that fails keeps, and of downloads that are tried again. */
  readonly onNotice?: (notice: string) => void;
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
export interface ResolvedOptions extends ResolvedQuality {
  readonly model: string;
  readonly pruner: string;
  readonly sparsity: string;
  readonly rotate: RotateMode;
  readonly rotationPreset: RotationPresetName;
  readonly objective: ObjectiveKind;
  readonly solver: SolverName;
  readonly steps: number;
  /** `null`: the solver's own. */
  readonly learningRate: number | null;
  /** `null`: the solver's own. */
  readonly newtonSchulzSteps: number | null;
  readonly start: RotationStart;
  readonly rotationImportance: string;
  readonly r1Blocks: number;
  readonly rowSample: number;
  readonly siteWeights: SiteWeighting;
  readonly allocation: Allocation;
  readonly skip: readonly string[];
  readonly calibration: string;
  readonly calibrationData: string | null;
  readonly sequenceLength: number;
  readonly seed: number | null;
  readonly activations: ActivationDType;
  readonly backend: string;
  readonly dense: boolean;
  readonly out: string | null;
  readonly format: OutputFormat;
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

function share(option: string, value: number): number {
  if (!(value > 0 && value <= 1)) throw new OptionError(`${option} ${value}: a number in (0, 1]`);
  return value;
}

/** What the rotation's options come to; their preset fills in what is left out. */
function rotationOptions(options: PruneOptions) {
  const optional = <T extends string>(option: string, value: T | undefined, allowed: readonly T[]) => {
    if (value !== undefined) oneOf(option, value, allowed);
  };
  optional("--rotation-preset", options.rotationPreset, rotationPresetNames);
  optional("--objective", options.objective, objectiveKinds);
  optional("--solver", options.solver, solverNames);
  optional("--start", options.start, rotationStarts);
  const { objective, solver, learningRate, newtonSchulzSteps, start } = options;
  const chosen = [options.rotationPreset, objective, solver].some((value) => value !== undefined);
  const steps = options.steps ?? (chosen ? undefined : (qualityOf(options).rotationSteps ?? undefined));
  const usual = objective === "entropy" ? "paper" : qualityOf(options).rotationPreset;
  const { rotationPreset = usual } = options;
  if (steps !== undefined) positiveInteger("--steps", steps);
  const given = { objective, solver, steps, learningRate, newtonSchulzSteps, start, preset: rotationPreset };
  const resolved = resolveSettings(withoutUndefined(given));
  const importance = options.rotationImportance ?? sameImportance;
  return {
    rotationPreset,
    objective: resolved.objective,
    solver: resolved.solver.name as SolverName,
    steps: resolved.steps,
    learningRate: resolved.learningRate ?? null,
    newtonSchulzSteps: newtonSchulzSteps ?? null,
    start: resolved.start,
    rotationImportance: oneOf("--rotation-importance", importance, [sameImportance, ...prunerNames()]),
    r1Blocks: positiveInteger("--r1-blocks", options.r1Blocks ?? 1),
    rowSample: share("--row-sample", options.rowSample ?? 1),
    siteWeights: oneOf("--site-weights", options.siteWeights ?? "default", siteWeightings),
  };
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };
const withoutUndefined = <T extends object>(values: T): Defined<T> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<T>;

function allocationOption({ allocation = "uniform" }: PruneOptions, pattern: SparsityPattern): Allocation {
  oneOf("--allocation", allocation, allocations);
  if (allocation !== "uniform" && pattern.kind === "n:m") {
    throw new OptionError(
      `--allocation ${allocation}: layers get shares of their own only of an unstructured --sparsity such as 0.5, not of ${formatPattern(pattern)}`,
    );
  }
  return allocation;
}

function formatOption(
  { format = "plain" }: PruneOptions,
  pattern: SparsityPattern,
  pruner: Pruner,
): OutputFormat {
  oneOf("--format", format, outputFormats);
  if (format === "plain") return format;
  if (pattern.kind === "unstructured") {
    throw new OptionError(
      `--format packed: it stores N:M patterns such as 2:4, not the unstructured --sparsity ${formatPattern(pattern)}`,
    );
  }
  if (pruner.name === "none") throw new OptionError("--format packed: --pruner none leaves nothing to pack");
  parsePackedPattern("--format packed", formatPattern(pattern));
  return format;
}

/** Whether blocks are compared with the dense model, whose activations then run beside. */
export const needsDenseStream = ({
  match,
  transport,
  reconstruct,
}: Pick<ResolvedOptions, "match" | "transport" | "reconstruct">): boolean =>
  match || transport || reconstruct > 0;

/** Fills in defaults and checks every value. Throws {@link OptionError} naming the option. */
export function resolveOptions(
  options: PruneOptions,
  pruner: Pruner,
  contextLength: number,
): ResolvedOptions & { pattern: SparsityPattern } {
  const pattern = parsePattern(options.sparsity ?? "2:4");
  return {
    pattern,
    model: options.model,
    pruner: pruner.name,
    sparsity: String(options.sparsity ?? "2:4"),
    rotate: oneOf("--rotate", options.rotate ?? "per-block", rotateModes),
    ...rotationOptions(options),
    ...resolveQuality(options, pruner),
    allocation: allocationOption(options, pattern),
    skip: options.skip ?? [],
    calibration: options.calibration ?? "embedded",
    calibrationData: options.calibrationData ?? null,
    sequenceLength: positiveInteger("--seqlen", options.sequenceLength ?? Math.min(contextLength, 2048), 2),
    seed: options.seed === undefined ? null : positiveInteger("--seed", options.seed, 0),
    activations: oneOf("--activations", options.activations ?? "f32", activationDTypes),
    backend: typeof options.backend === "object" ? options.backend.name : (options.backend ?? "wasm"),
    dense: options.dense ?? false,
    out: options.out ?? null,
    format: formatOption(options, pattern, pruner),
    rotation: options.rotation ?? null,
    saveRotation: options.saveRotation ?? null,
    evaluationText: options.evaluationText ?? null,
    evaluationWindows: positiveInteger("--eval-windows", options.evaluationWindows ?? 360),
  };
}
